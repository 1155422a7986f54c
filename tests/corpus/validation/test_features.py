"""What is counted of retrieved features and what must hold of it; each limit broken once."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from privileged_artifact import write_privileged

from corpus.settings import ValidationSettings
from corpus.validation.expectations import CRITICAL, DataInvalid, Finding, failed, raise_if_critical, validate
from corpus.validation.features import feature_expectations, feature_facts
from corpus.validation.statistics import feature_statistics, stability_index

LIMITS = ValidationSettings(faulty_share=0.1)
FINE = {"written_late_share": 0.0, "stale_hours": 1.0, "repeated_rows": 0}
GOOD = np.linspace(0, 1, 1_000)


def artifact(folder: Path, **features: object) -> Path:
    """A folder of retrieved features, all of the view ``a_view`` and with a range from 0 to 1."""
    rows = len(next(iter(features.values())))  # type: ignore[arg-type]
    columns = {"video_id": pa.array([f"v{n}" for n in range(rows)])}
    for name, values in features.items():
        vectors = any(isinstance(value, list) for value in values)  # type: ignore[attr-defined]
        columns[name] = pa.array(values, pa.list_(pa.float32()) if vectors else pa.float32(), from_pandas=False)
    described = {name: {"view": "a_view", "minimum": "0", "maximum": "1"} for name in features}
    return write_privileged(folder, pa.table(columns), described, parts=2)


def found(tmp_path: Path, times: dict | None = None, limits=LIMITS, videos=None, before=None, **now) -> list[Finding]:
    """The findings on features ``now``, against ``before`` (the same if not given)."""
    features = artifact(tmp_path / "now", **now)
    previous = artifact(tmp_path / "before", **(before or now))
    rows = len(next(iter(now.values())))
    ids = [f"v{n}" for n in range(rows)] if videos is None else videos
    pq.write_table(pa.table({"video_id": ids}), tmp_path / "catalogue.parquet")
    facts = feature_facts(
        feature_statistics(features, tmp_path / "catalogue.parquet", previous), {"a_view": {**FINE, **(times or {})}}
    )
    expectations = feature_expectations(len(ids), limits)
    return failed(validate(facts, "features", expectations, tmp_path / "docs", key="feature"))


def test_good_features_pass(tmp_path):
    assert found(tmp_path, a=GOOD, b=GOOD[::-1]) == []
    assert (tmp_path / "docs" / "index.html").exists()


@pytest.mark.parametrize(
    ("values", "severity", "sentence"),
    [
        ([9.0] * 200 + [*GOOD[200:]], "critical", r"outside its range .* such as a: 0.2 \(v0: 9, v1: 9"),
        (
            [9.0, *GOOD[1:]],
            "warning",
            r"values are inside their range: 1 of 2 rows fail, such as a: 0.001 \(v0: 9\)",
        ),
        ([float("inf"), *GOOD[1:]], "warning", r"values are finite .* such as a: 1 \(v0: inf\)"),
        ([None] * 970 + [0.5] * 30, "critical", r"there in at least 5.0% of the rows .* such as a: 0.97"),
        ([None] * 1_000, "critical", r"there in at least 5.0% of the rows .* such as a: 1"),
    ],
)
def test_ranges_missing_rates_and_values_that_are_not_finite(tmp_path, values, severity, sentence):
    findings = found(tmp_path, a=values, b=GOOD)
    reported = [finding for finding in findings if finding.severity == severity]
    assert any(re.search(sentence, each.sentence) for each in reported), findings


def test_vectors_are_judged_by_their_extremes_and_their_length(tmp_path):
    good = [[0.1, 0.9]] * 300
    for name in "abc":
        (tmp_path / name).mkdir()
    assert found(tmp_path / "a", a=good) == []
    (reported,) = found(tmp_path / "b", a=[*good[:-2], None, [0.2]])
    assert reported.severity == CRITICAL
    assert reported.sentence.startswith("every vector has as many elements: 2 of 2 rows fail, such as least of a")
    reported = [finding.sentence for finding in found(tmp_path / "c", a=[*good[:-1], [0.2, 7.0]])]
    assert reported == ["values are inside their range: 1 of 2 rows fail, such as greatest of a: 0.003333 (v299: 7)"]


def test_drift_against_the_previous_window_is_reported_and_stops_where_the_task_says_so(tmp_path, rng):
    now, before = rng.normal(1.0, 0.1, 2_000).clip(0, 1), rng.normal(0.5, 0.1, 2_000).clip(0, 1)
    (reported,) = found(tmp_path, a=now, b=rng.random(2_000), before={"a": before, "b": rng.random(2_000)})
    assert reported.severity == "warning"
    assert reported.sentence.startswith("features drift by at most 0.25")
    assert "1 of 2 rows fail, such as a: " in reported.sentence
    strict = LIMITS.model_copy(update={"stops_on": ("drift",)})
    (tmp_path / "again").mkdir()
    with pytest.raises(DataInvalid, match="features drift by at most"):
        raise_if_critical(found(tmp_path / "again", limits=strict, a=now, before={"a": before}), "features")


def test_a_feature_that_went_missing_has_drifted(tmp_path):
    half = np.where(np.arange(1_000) % 2, np.nan, GOOD)
    (reported,) = found(tmp_path, a=[None if np.isnan(v) else v for v in half], before={"a": GOOD})
    assert "drift" in reported.sentence


@pytest.mark.parametrize(("now", "before"), [(GOOD, [0.9] * 199), ([0.9] * 199, GOOD)])
def test_too_few_videos_of_either_window_leave_drift_open(tmp_path, now, before):
    assert found(tmp_path, a=now, before={"a": before}) == []


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([1.0] * 500, [0.0] * 500),
        ([0.0] * 500, [1.0] * 500),
        ([1.0] * 460 + [0.0] * 40, [0.0] * 500),
        ([1.0] * 460 + GOOD[:400:10].tolist(), GOOD[::2]),
    ],
)
def test_a_feature_of_nearly_one_value_drifts_whichever_way_it_leaves_it(tmp_path, before, now):
    (reported,) = found(tmp_path, a=now, before={"a": before})
    assert "features drift by at most 0.25" in reported.sentence


def test_a_feature_of_nearly_one_value_that_stays_does_not_drift(tmp_path, rng):
    before, now = ((rng.random(2_000) < 0.92).astype(float) for _ in range(2))
    assert found(tmp_path, a=now, before={"a": before}) == []


def test_a_vector_with_an_element_missing_is_missing(tmp_path):
    vectors = [[0.1, None] if n < 300 else [0.1, float("nan")] if n < 400 else [0.1, 0.2] for n in range(1_000)]
    (reported,) = found(tmp_path, a=vectors)
    assert reported.sentence.startswith("values are finite (what is not counts as missing): 2 of 2 rows fail")
    statistics = feature_statistics(tmp_path / "now", tmp_path / "catalogue.parquet", tmp_path / "before")
    assert statistics.missing_share.tolist() == [0.4, 0.4]


@pytest.mark.parametrize("missing", [50, 150, 290, 700])
def test_what_is_missing_as_often_as_it_may_be_passes(tmp_path, missing):
    limits = LIMITS.model_copy(update={"missing_share": missing / 1_000})
    assert found(tmp_path, limits=limits, a=[None] * missing + GOOD[missing:].tolist()) == []


@pytest.mark.parametrize(
    "setting", [{"drift_videos": 199}, {"drift_index": float("inf")}, {"stale_hours": float("inf")}]
)
def test_limits_that_could_never_judge_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        ValidationSettings(**setting)


def test_the_stability_index_is_its_formula():
    expected, actual = [50, 30, 20], [20, 30, 50]
    by_hand = (0.2 - 0.5) * np.log(0.2 / 0.5) + (0.5 - 0.2) * np.log(0.5 / 0.2)
    assert stability_index(expected, actual) == pytest.approx(by_hand)
    assert stability_index(expected, expected) == 0
    assert np.isfinite(stability_index([100, 0], [0, 100]))


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        (
            {"written_late_share": 0.2},
            "observed before the label and written after it .*: 1 of 1 rows fail, such as a: 0.2",
        ),
        ({"stale_hours": 100.0}, "written to in the last 72 hours of the window .* such as a: 100"),
        ({"stale_hours": None}, "written to in the last 72 hours of the window .* such as a: inf"),
        ({"repeated_rows": 3}, "no video has two rows of one event and created time .* such as a: 3"),
    ],
)
def test_what_is_known_of_a_views_times_is_reported(tmp_path, times, sentence):
    (reported,) = found(tmp_path, times, a=GOOD)
    assert reported.severity == "warning"
    assert re.search(sentence, reported.sentence)


@pytest.mark.parametrize("videos", [[f"v{n}" for n in range(999)], ["v0", *[f"v{n}" for n in range(999)]]])
def test_rows_that_are_not_the_windows_videos_stop_the_run(tmp_path, videos):
    reported = [finding.sentence for finding in found(tmp_path, videos=videos, a=GOOD) if finding.severity == CRITICAL]
    assert any("those of the window's videos, each once" in sentence for sentence in reported)
    assert any("every video has one row" in sentence for sentence in reported) == (len(videos) != 1_000)
