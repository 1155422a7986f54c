"""Retrieval as of the label time through real Feast, against a plain reference; the repository by its own command."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import feature_repo
from feature_repo.retrieval import FeatureError, require_columns, retrieve_features
from feature_repo.services import TASK_VIEWS
from feature_repo.views import feature_views


def reference(corpus: Path, view: str, feature: str, catalogue: pd.DataFrame) -> list[object]:
    """The newest value observed and written before each video's ``as_of``, by looking at every row."""
    table = pq.read_table(corpus / "dense" / view).to_pandas()
    rows = dict(list(table.groupby("video_id")))
    values = []
    for video_id, as_of in zip(catalogue.video_id, catalogue.as_of, strict=True):
        group = rows.get(video_id)
        if group is None:
            values.append(None)
            continue
        known = group[(group.event_timestamp < as_of) & (group.created_timestamp < as_of)]
        newest = known.sort_values(["event_timestamp", "created_timestamp"]).tail(1)
        values.append(newest[feature].iloc[0] if len(newest) else None)
    return values


@pytest.mark.parametrize(
    ("view", "feature"), [("engagement", "views"), ("reports", "reports"), ("upstream_scores", "quality_score")]
)
def test_values_are_those_known_at_the_label_time(artifacts, corpus, catalogue, view, feature):
    found = pq.read_table(artifacts / "privileged.parquet")
    assert found["video_id"].to_pylist() == catalogue.video_id.tolist()
    expected = np.array(reference(corpus, view, feature, catalogue), dtype=float)
    np.testing.assert_allclose(found[feature].to_numpy(zero_copy_only=False), expected, equal_nan=True)


def test_the_cut_off_on_writing_keeps_late_corrections_out(artifacts, corpus, catalogue):
    """The corpus holds values that were observed before a label and written after it; none comes in."""
    by_event = pq.read_table(corpus / "dense" / "reports").to_pandas()
    by_event = by_event.merge(catalogue[["video_id", "as_of"]], on="video_id")
    by_event = by_event[by_event.event_timestamp <= by_event.as_of]
    newest = by_event.sort_values(["event_timestamp", "created_timestamp"]).groupby("video_id").tail(1)
    leaked = newest[newest.created_timestamp > newest.as_of].set_index("video_id").reports
    assert len(leaked) >= 3  # what a join on the event time alone would have taken
    found = pq.read_table(artifacts / "privileged.parquet").to_pandas().set_index("video_id").reports
    assert (found.reindex(leaked.index) != leaked).all()


def test_what_was_written_with_the_label_was_not_known_before_it(tmp_path, catalogue):
    moment, second = catalogue.as_of.iloc[0], pd.Timedelta("1s")
    keys = {"video_id": ["a", "a", "b"], "event_timestamp": [moment - second] * 3}
    written = [moment - second, moment, moment]
    values = {name: [1.0, 2.0, 3.0] for name in (field.name for field in feature_views("x")["motion"].schema)}
    (tmp_path / "dense" / "motion").mkdir(parents=True)
    frame = pd.DataFrame({**keys, "created_timestamp": written, **values})
    table = pa.Table.from_pandas(frame.astype(dict.fromkeys(values, "float32")))
    pq.write_table(table, tmp_path / "dense" / "motion" / "a.parquet")
    rows = pd.DataFrame({"video_id": ["a", "b"], "as_of": [moment, moment]})
    found = retrieve_features(tmp_path, "fight", rows, str(tmp_path / "r.db"))
    assert found["flow_mean"].to_pylist() == [1.0, None]


def test_ranges_and_views_travel_with_the_table(artifacts):
    field = pq.read_schema(artifacts / "privileged.parquet").field("quality_score")
    assert field.metadata[b"view"] == b"upstream_scores"
    assert (field.metadata[b"minimum"], field.metadata[b"maximum"]) == (b"0", b"1")


def test_a_task_without_service_and_a_corpus_without_table_are_named(corpus, catalogue, tmp_path):
    with pytest.raises(FeatureError, match=r"add a line to feature_repo/services.py"):
        retrieve_features(corpus, "nobody", catalogue, str(tmp_path / "r.db"))
    with pytest.raises(FeatureError, match="has no dense table motion"):
        retrieve_features(corpus, "fight", catalogue, str(tmp_path / "r.db"))


def test_a_dense_table_that_breaks_the_contract_is_named(tmp_path):
    times = {name: pa.array([0], pa.timestamp("us", "UTC")) for name in ("event_timestamp", "created_timestamp")}
    whole = {"video_id": ["a"], **times, "reports": [1.0]}
    file = tmp_path / "reports" / "a.parquet"
    file.parent.mkdir()
    pq.write_table(pa.table(whole), file)
    require_columns(file.parent, ["reports"])
    with pytest.raises(FeatureError, match="dense table reports, a.parquet: no column reporters"):
        require_columns(file.parent, ["reports", "reporters"])
    pq.write_table(pa.table({**whole, "created_timestamp": pa.array([0], pa.timestamp("us"))}), file)
    with pytest.raises(FeatureError, match="created_timestamp has no time zone"):
        require_columns(file.parent, ["reports"])
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(FeatureError, match="not a whole Parquet file"):
        require_columns(file.parent, ["reports"])


def test_every_task_view_exists_and_every_view_is_privileged_and_offline():
    views = feature_views("anywhere")
    assert {name for names in TASK_VIEWS.values() for name in names} == set(views)
    for view in views.values():
        assert view.online is False
        assert view.tags["privileged"] == "true"


def test_the_feast_command_applies_and_lists_the_repository(tmp_path):
    copy = tmp_path / "feature_repo"
    shutil.copytree(Path(feature_repo.__file__).parent, copy, ignore=shutil.ignore_patterns("data", "__pycache__"))
    feast = [str(Path(sys.executable).with_name("feast")), "-c", str(copy)]
    subprocess.run([*feast, "apply"], check=True, capture_output=True, text=True)
    listed = subprocess.run([*feast, "feature-services", "list"], check=True, capture_output=True, text=True).stdout
    assert all(task in listed for task in TASK_VIEWS)
