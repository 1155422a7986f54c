"""``cpfd features``: what is told of views and of their worth, and appending to them."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from common.files import locked
from corpus.contract import CorpusError, snapshot_id
from feature_repo.tables import FeatureError
from feature_repo.view_status import view_status
from pipelines.cli.main import app
from pipelines.local.feature_worth import append_table, newest_worth

COST = {"roc_auc_drop_deviation": 0.01, "log_loss_rise": 0.0, "log_loss_rise_deviation": 0.0}


@pytest.fixture
def workspace(corpus, tmp_path) -> Path:
    """A workspace with a copy of the small corpus as 'simulated'."""
    shutil.copytree(corpus, tmp_path / "corpora" / "simulated", ignore=shutil.ignore_patterns("media"))
    return tmp_path


def cpfd(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "220"}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_status_counts_rows_missing_values_and_the_newest_writing(corpus):
    status = {each.name: each for each in view_status(corpus)}
    table = pq.read_table(corpus / "dense" / "upstream_scores").to_pandas()
    found = status["upstream_scores"]
    assert found.rows == len(table)
    assert found.owner == "content-understanding"
    assert found.newest_written == table.created_timestamp.max().to_pydatetime()
    assert found.missing["safety_score"] == pytest.approx(table.safety_score.isna().mean())
    assert found.missing["topic_scores"] == 0
    assert set(status) == {"engagement", "reports", "upstream_scores", "canary"}  # the tables this corpus has


def a_run(runs: Path, moment: str, drop: float) -> Path:
    run = runs / f"low_quality-to-20260701-at-{moment}" / "cpfd"
    (run / "score-teacher").mkdir(parents=True)
    (run / "validate-features").mkdir()
    importance = {
        "rows": 90,
        "features": [
            {"feature": "views", "view": "engagement", "roc_auc_drop": drop, **COST},
            {"feature": "topic_scores", "view": "upstream_scores", "roc_auc_drop": 0.2, **COST},
        ],
        "views": [
            {"view": "engagement", "roc_auc_drop": drop, **COST},
            {"view": "upstream_scores", "roc_auc_drop": 0.2, **COST},
        ],
    }
    (run / "score-teacher" / "importance").write_text(json.dumps(importance))
    statistics = [
        {"feature": "views", "missing_share": 0.05, "drift_index": None},
        {"feature": "least of topic_scores", "missing_share": 0.1, "drift_index": 0.3},
        {"feature": "greatest of topic_scores", "missing_share": 0.1, "drift_index": 0.1},
    ]
    (run / "validate-features" / "statistics").write_text(json.dumps(statistics))
    return run


def test_the_newest_run_tells_what_features_are_worth_dearest_view_first(tmp_path):
    assert newest_worth(tmp_path, "low_quality") is None
    a_run(tmp_path, "20261120T000000000", 0.5)
    a_run(tmp_path, "20261121T000000000", 0.1)
    (tmp_path / "low_quality-to-20260801-at-20261122T000000000").mkdir()  # it failed early
    worth = newest_worth(tmp_path, "low_quality")
    assert worth.run == "low_quality-to-20260701-at-20261121T000000000"
    assert [(line.view, line.feature) for line in worth.lines] == [
        ("upstream_scores", ""), ("upstream_scores", "topic_scores"), ("engagement", ""), ("engagement", "views")
    ]  # fmt: skip
    assert (worth.lines[1].missing, worth.lines[1].drift) == (0.1, 0.3)
    assert (worth.lines[3].missing, worth.lines[3].drift) == (0.05, None)


def test_a_run_that_left_half_a_file_is_passed_over(tmp_path):
    a_run(tmp_path, "20261120T000000000", 0.5)
    for moment, text in [("20261121T000000000", '{"rows": 9'), ("20261122T000000000", '{"rows": 9, "features": [{}]}')]:
        (a_run(tmp_path, moment, 0.1) / "score-teacher" / "importance").write_text(text)
    assert newest_worth(tmp_path, "low_quality").run.endswith("20261120T000000000")


def test_the_command_lists_views_and_their_worth(workspace):
    a_run(workspace / "runs", "20261121T000000000", 0.1)
    told = cpfd("features", "--workspace", str(workspace))
    assert "trust-and-safety" in told
    assert "harmful_content, low_quality, topic" in told
    assert "from the newest video" in told
    assert "-0.2000" in told
    only = cpfd("features", "--task", "topic", "--workspace", str(workspace))
    assert "upstream_scores" in only
    assert "canary" not in only
    assert "There is no corpus here yet" in cpfd("features", "--workspace", str(workspace / "elsewhere"))


def test_names_with_brackets_are_names(workspace):
    corpus = workspace / "x[1]" / "[/b]"
    shutil.copytree(workspace / "corpora" / "simulated", corpus)
    (workspace / "late.csv").write_text("video_id,event_timestamp,reports,reporters\nv1,2026-06-02T10:00:00Z,7,6\n")
    told = cpfd("features", "append", "reports", str(workspace / "late.csv"), "--corpus", str(corpus),
                "--workspace", str(workspace))  # fmt: skip
    assert f"Appended 1 rows to reports of the corpus {corpus}" in told
    assert {each.name for each in view_status(corpus)} >= {"reports", "engagement"}


def test_counts_that_float32_rounds_are_rounded_and_those_beyond_it_refused(workspace, tmp_path):
    corpus, header = workspace / "corpora" / "simulated", "video_id,event_timestamp,reports,reporters\n"
    (tmp_path / "late.csv").write_text(header + "v1,2026-06-02T10:00:00Z,16777217,6\n")
    append_table(corpus, "reports", tmp_path / "late.csv", str(tmp_path / "r.db"))
    (new,) = (corpus / "dense" / "reports").glob("appended-*.parquet")
    assert pq.read_table(new)["reports"].to_pylist() == [16777216.0]
    (tmp_path / "late.csv").write_text(header + "v1,2026-06-02T10:00:00Z,1e300,6\n")
    with pytest.raises(FeatureError, match=r"reports is 1e\+300, more than float32 can hold"):
        append_table(corpus, "reports", tmp_path / "late.csv", str(tmp_path / "r.db"))


def test_an_append_waits_for_another_one(workspace, tmp_path):
    table = workspace / "corpora" / "simulated" / "dense" / "reports"
    (tmp_path / "late.csv").write_text("video_id,event_timestamp,reports,reporters\nv1,2026-06-02T10:00:00Z,7,6\n")
    arguments = (workspace / "corpora" / "simulated", "reports", tmp_path / "late.csv", str(tmp_path / "r.db"))
    with ThreadPoolExecutor(1) as pool:
        with locked(table):
            append = pool.submit(append_table, *arguments)
            with pytest.raises(TimeoutError):
                append.result(timeout=3)
            assert not list(table.glob("*appended*"))
        assert append.result() == 1
    assert len(list(table.glob("appended-*.parquet"))) == 1


def test_values_that_are_not_finite_are_missing(workspace):
    corpus = workspace / "corpora" / "simulated"
    for file in (corpus / "dense" / "reports").glob("*.parquet"):
        rows = pq.read_table(file)
        column = pa.array([float("nan")] * len(rows), pa.float32())
        pq.write_table(rows.set_column(rows.column_names.index("reports"), "reports", column), file)
    missing = {each.name: each.missing for each in view_status(corpus)}["reports"]
    assert missing["reports"] == 1.0
    assert missing["reporters"] < 0.1


def test_rows_are_appended_and_stamped_and_the_snapshot_changes(workspace, tmp_path):
    corpus = workspace / "corpora" / "simulated"
    before = {path.name: path.read_bytes() for path in (corpus / "dense" / "reports").iterdir()}
    snapshot = snapshot_id(corpus)
    late = "video_id,event_timestamp,reports,reporters\nv0000001,2026-06-02T10:00:00+00:00,7,6\n"
    (tmp_path / "late.csv").write_text(late)
    started = datetime.now(UTC)
    told = cpfd("features", "append", "reports", str(tmp_path / "late.csv"), "--workspace", str(workspace))
    assert "Appended 1 rows to reports" in told
    after = sorted((corpus / "dense" / "reports").iterdir())
    assert {path.name: path.read_bytes() for path in after if path.name in before} == before
    (new,) = [path for path in after if path.name not in before]
    row = pq.read_table(new).to_pylist()[0]
    assert (row["video_id"], row["reports"], row["reporters"]) == ("v0000001", 7.0, 6.0)
    assert started <= row["created_timestamp"] <= datetime.now(UTC)
    assert pq.read_schema(new).remove_metadata().equals(pq.read_schema(after[0]).remove_metadata())
    assert snapshot_id(corpus) != snapshot


MOMENT = pd.Timestamp("2026-06-02", tz="UTC")
NO_TIME = pd.Series([pd.NaT]).dt.tz_localize("UTC")


@pytest.mark.parametrize(
    ("view", "change", "sentence"),
    [
        ("nothing", {}, "there is no feature view nothing: the corpus simulated has engagement"),
        ("reports", {"reporters": None}, "the rows: no column reporters"),
        ("reports", {"reports": ["many"]}, "reports is (large_)?string, not a number"),
        ("reports", {"event_timestamp": [MOMENT.tz_localize(None)]}, "event_timestamp has no time zone"),
        ("reports", {"event_timestamp": NO_TIME}, "1 of 1 rows have no event_timestamp"),
    ],
)
def test_rows_that_are_not_as_the_view_says_are_refused(workspace, tmp_path, view, change, sentence):
    row = {"video_id": ["v0000001"], "event_timestamp": [MOMENT], "reports": [1.0], "reporters": [1.0], **change}
    frame = pd.DataFrame({name: values for name, values in row.items() if values is not None})
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    corpus = workspace / "corpora" / "simulated"
    before = snapshot_id(corpus)
    with pytest.raises(FeatureError, match=sentence):
        append_table(corpus, view, tmp_path / "rows.parquet", str(tmp_path / "registry.db"))
    assert snapshot_id(corpus) == before


@pytest.mark.parametrize(
    ("time", "sentence"),
    [
        ("", "event_timestamp is nan: give times in ISO 8601"),
        ("yesterday", "event_timestamp is 'yesterday': give times in ISO 8601"),
        ("2026-06-02T10:00:00", "event_timestamp is '2026-06-02T10:00:00', which has no time zone"),
    ],
)
def test_times_of_a_csv_that_are_no_moments_are_named(workspace, tmp_path, time, sentence):
    whole = "v0000001,2026-06-02T10:00:00+09:00,1,1"
    lines = ["video_id,event_timestamp,reports,reporters", whole, f"v0000002,{time},1,1"]
    (tmp_path / "late.csv").write_text("\n".join(lines))
    with pytest.raises(FeatureError, match=sentence):
        append_table(workspace / "corpora" / "simulated", "reports", tmp_path / "late.csv", str(tmp_path / "r.db"))


def test_a_corpus_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CorpusError, match="there is no corpus at"):
        append_table(tmp_path / "none", "reports", tmp_path / "x.csv", str(tmp_path / "registry.db"))
