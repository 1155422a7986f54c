"""Retrieval as of the label time through real Feast, against a plain reference."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dense_corpora import motion_corpus

from common.errors import BusyError
from corpus.validation.statistics import feature_statistics
from feature_repo.retrieval import kept_folder, open_store, retrieve_features


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
    found = pq.read_table(artifacts / "privileged").to_pandas().set_index("video_id")
    assert sorted(found.index) == sorted(catalogue.video_id)
    expected = np.array(reference(corpus, view, feature, catalogue), dtype=float)
    np.testing.assert_allclose(found.loc[catalogue.video_id, feature], expected, equal_nan=True)


def test_the_cut_off_on_writing_keeps_late_corrections_out(artifacts, corpus, catalogue):
    """The corpus holds values that were observed before a label and written after it; none comes in."""
    by_event = pq.read_table(corpus / "dense" / "reports").to_pandas()
    by_event = by_event.merge(catalogue[["video_id", "as_of"]], on="video_id")
    by_event = by_event[by_event.event_timestamp <= by_event.as_of]
    newest = by_event.sort_values(["event_timestamp", "created_timestamp"]).groupby("video_id").tail(1)
    leaked = newest[newest.created_timestamp > newest.as_of].set_index("video_id").reports
    assert len(leaked) >= 3  # what a join on the event time alone would have taken
    found = pq.read_table(artifacts / "privileged").to_pandas().set_index("video_id").reports
    assert (found.reindex(leaked.index) != leaked).all()


def motion_values(corpus: Path, rows: pd.DataFrame, tmp_path: Path) -> dict[str, float]:
    rows.to_parquet(tmp_path / "catalogue.parquet", index=False)
    catalogue, registry = tmp_path / "catalogue.parquet", str(tmp_path / "r.db")
    retrieve_features(corpus, "fight", ["motion"], catalogue, tmp_path / "out", registry)
    found = pq.read_table(tmp_path / "out")
    return dict(zip(found["video_id"].to_pylist(), found["flow_mean"].to_pylist(), strict=True))


def test_what_was_written_with_the_label_was_not_known_before_it(tmp_path, catalogue):
    moment, second = catalogue.as_of.iloc[0], pd.Timedelta("1s")
    frame = pd.DataFrame(
        {
            "video_id": ["a", "a", "b"],
            "event_timestamp": [moment - second] * 3,
            "created_timestamp": [moment - second, moment, moment],
            "flow_mean": [1.0, 2.0, 3.0],
        }
    )
    rows = pd.DataFrame({"video_id": ["a", "b"], "as_of": [moment, moment]})
    assert motion_values(motion_corpus(tmp_path / "c", frame), rows, tmp_path) == {"a": 1.0, "b": None}


def test_two_rows_of_one_event_and_created_time_give_one_answer_that_does_not_change(tmp_path, catalogue):
    moment = catalogue.as_of.iloc[0]
    early = moment - pd.Timedelta("1h")
    values = [3.0, 1.0, 2.0] * 50
    frame = pd.DataFrame({"video_id": "a", "event_timestamp": early, "created_timestamp": early, "flow_mean": values})
    rows = pd.DataFrame({"video_id": ["a"], "as_of": [moment]})
    answers = {
        motion_values(motion_corpus(tmp_path / str(n), frame.sample(frac=1, random_state=n)), rows, tmp_path / str(n))[
            "a"
        ]
        for n in range(5)
    }
    assert len(answers) == 1


def test_ranges_and_views_travel_with_the_features(artifacts):
    described = json.loads((artifacts / "privileged" / "_features.json").read_text())["features"]
    assert described["quality_score"] == {"view": "upstream_scores", "minimum": "0", "maximum": "1"}
    assert set(described) == set(pq.read_schema(artifacts / "privileged" / "part-00000.parquet").names) - {
        "video_id", "event_timestamp"
    }  # fmt: skip


def test_an_empty_file_and_files_with_more_columns_in_another_order_are_read(tmp_path, catalogue):
    moment = catalogue.as_of.iloc[0]
    early = moment - pd.Timedelta("1h")
    frame = pd.DataFrame({"video_id": ["a"], "event_timestamp": early, "created_timestamp": early, "flow_mean": [1.0]})
    corpus = motion_corpus(tmp_path / "c", frame)
    table = pq.read_table(corpus / "dense" / "motion" / "a.parquet")
    other = table.set_column(table.column_names.index("video_id"), "video_id", pa.array(["b"]))
    other = other.select(sorted(other.column_names)).append_column("note", pa.array(["more"]))
    pq.write_table(table.slice(0, 0), corpus / "dense" / "motion" / "0_empty.parquet")
    pq.write_table(other, corpus / "dense" / "motion" / "z.parquet")
    rows = pd.DataFrame({"video_id": ["a", "b", "c"], "as_of": [moment] * 3})
    assert motion_values(corpus, rows, tmp_path) == {"a": 1.0, "b": 1.0, "c": None}


def test_no_videos_have_no_features(corpus, catalogue, tmp_path):
    """The previous window of the first one: an artifact without rows, which the checks can read."""
    none = tmp_path / "catalogue.parquet"
    catalogue[["video_id", "as_of"]].head(0).to_parquet(none, index=False)
    retrieve_features(corpus, "topic", ["engagement"], none, tmp_path / "out", str(tmp_path / "r.db"))
    assert pq.read_table(tmp_path / "out").num_rows == 0
    statistics = feature_statistics(tmp_path / "out", tmp_path / "catalogue.parquet", tmp_path / "out")
    assert statistics.rows.tolist() == [0] * len(statistics)
    assert statistics.drift_index.isna().all()


def test_corpora_of_one_name_do_not_answer_for_each_other(tmp_path, catalogue):
    moment = catalogue.as_of.iloc[0]
    early = moment - pd.Timedelta("1h")
    frame = pd.DataFrame({"video_id": ["a"], "event_timestamp": early, "created_timestamp": early})
    registry, jobs = str(tmp_path / "registry.db"), []
    for value, folder in enumerate(["one", "other"]):
        corpus = motion_corpus(tmp_path / folder / "_same", frame.assign(flow_mean=float(value)))
        jobs.append(open_store(corpus, "fight", ["motion"], registry))
    rows = pd.DataFrame({"video_id": ["a"], "event_timestamp": [moment]})
    found = [store.get_historical_features(rows, service).to_df().flow_mean[0] for store, service in jobs]
    assert found == [0.0, 1.0]


def test_a_corpus_may_be_named_from_where_one_stands(tmp_path, catalogue, monkeypatch):
    moment = catalogue.as_of.iloc[0]
    early = moment - pd.Timedelta("1h")
    frame = pd.DataFrame({"video_id": ["a"], "event_timestamp": early, "created_timestamp": early, "flow_mean": [1.0]})
    motion_corpus(tmp_path / "c", frame)
    monkeypatch.chdir(tmp_path)
    assert motion_values(Path("c"), pd.DataFrame({"video_id": ["a"], "as_of": [moment]}), tmp_path) == {"a": 1.0}


def test_what_a_stopped_run_retrieved_is_kept_and_one_run_at_a_time_retrieves_it(artifacts, corpus, tmp_path):
    kept, catalogue, out = tmp_path / "kept", artifacts / "catalogue.parquet", tmp_path / "out"
    arguments = (kept, corpus, "low_quality", ["reports"], catalogue, out)

    def stopped_run() -> None:
        with kept_folder(*arguments) as folder:
            folder.mkdir()
            (folder / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_run()
    with kept_folder(*arguments) as folder:
        assert (folder / "half").exists()
        with pytest.raises(BusyError, match="another run retrieves"), kept_folder(*arguments):
            pass
    assert (tmp_path / "out" / "half").exists()
    assert not folder.exists()
    with kept_folder(*arguments) as folder:  # the step is tried again: it replaces what it gave
        folder.mkdir()
        (folder / "whole").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole"]


def test_other_features_of_a_task_are_kept_elsewhere(artifacts, corpus, tmp_path):
    kept, catalogue = tmp_path / "kept", artifacts / "catalogue.parquet"
    with kept_folder(kept, corpus, "topic", ["reports"], catalogue, tmp_path / "a") as one:
        one.mkdir()
        with kept_folder(kept, corpus, "topic", ["engagement"], catalogue, tmp_path / "b") as other:
            other.mkdir()
    assert one != other
