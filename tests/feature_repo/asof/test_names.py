"""Names of columns, files and folders, and types as they come: they are kept apart, or refused in one sentence."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Field
from feast.types import Float32, Int64
from histories import ASOF, store_of, view_of, write_history

MOMENT = pd.Timestamp("2026-06-01", tz="UTC")
LATER = MOMENT + pd.Timedelta("1h")
ENTITIES = pd.DataFrame({"video_id": ["a"], "event_timestamp": [LATER]})


def one_row(folder: Path, name: str, **values: float):
    """A view of one row of the video a."""
    frame = pd.DataFrame({"video_id": ["a"], "event_timestamp": [MOMENT], **{key: [v] for key, v in values.items()}})
    fields = [Field(name=value, dtype=Float32) for value in values]
    return view_of(write_history(folder, name, frame), fields=fields, created="")


@pytest.mark.parametrize("name", ["__at", "__part", "__KEY_0", "__row", "__f1"])
def test_names_of_the_joins_own_columns_are_refused(tmp_path, name):
    store = store_of(tmp_path, ASOF, [one_row(tmp_path, "a_view", count=1.0, **{name: 2.0})])
    for rows, features in [(ENTITIES.assign(**{name: 1}), ["a_view:count"]), (ENTITIES, [f"a_view:{name}"])]:
        with pytest.raises(ValueError, match=f"the join keeps the name {name} for itself: give the column another"):
            store.get_historical_features(rows, features)
    assert store.get_historical_features(ENTITIES, ["a_view:count"]).to_df()["count"].tolist() == [1.0]


def test_names_that_differ_in_case_alone_are_one_name(tmp_path):
    store = store_of(tmp_path, ASOF, [one_row(tmp_path, "one", views=1.0), one_row(tmp_path, "other", Views=2.0)])
    both = ["one:views", "other:Views"]
    with pytest.raises(ValueError, match="Views of other is a column of the result already: ask for full"):
        store.get_historical_features(ENTITIES, both)
    with pytest.raises(ValueError, match="views of one is a column of the result already"):
        store.get_historical_features(ENTITIES.assign(VIEWS=1), ["one:views"])
    found = store.get_historical_features(ENTITIES, both, full_feature_names=True).to_df()
    assert (found.one__views[0], found.other__Views[0]) == (1.0, 2.0)


@pytest.mark.parametrize("name", ["x[1]", "a b", "it's", "k=v", "100%"])
def test_folders_may_have_any_name(tmp_path, name):
    folder = tmp_path / name
    frame = pd.DataFrame({"video_id": [f"v{n}" for n in range(100)], "event_timestamp": MOMENT, "count": 1.0})
    view = view_of(write_history(folder, "a_view", frame.sample(frac=1, random_state=0)), created="")
    settings = {**ASOF, "rows_per_partition": 50, "entity_rows_per_partition": 10}
    job = store_of(tmp_path, settings, [view]).get_historical_features(
        frame[["video_id"]].assign(event_timestamp=LATER), ["a_view:count"]
    )
    assert (job.partitions, job.bounds) == (4, [])
    job.write(folder / "out")
    assert pq.read_table(folder / "out", partitioning=None)["count"].to_pylist() == [1.0] * 100


def test_whole_numbers_that_come_as_doubles_are_not_rounded(tmp_path):
    folder = write_history(tmp_path, "a_view", pd.DataFrame({"video_id": ["a"], "event_timestamp": [MOMENT]}))
    rows = pq.read_table(folder / "0.parquet").append_column("count", pa.array([2.5]))
    pq.write_table(rows, folder / "0.parquet")
    view = view_of(folder, fields=[Field(name="count", dtype=Int64)], created="")
    found = store_of(tmp_path, ASOF, [view]).get_historical_features(ENTITIES, ["a_view:count"]).to_df()
    assert found["count"].tolist() == [2.5]


@pytest.mark.parametrize("end", [";", " -- by hand", " ;\n"])
def test_a_query_may_end_as_people_end_them(tmp_path, end):
    store = store_of(tmp_path, ASOF, [one_row(tmp_path, "a_view", count=1.0)])
    query = "SELECT 'a' AS video_id, TIMESTAMP '2026-06-02' AS event_timestamp" + end
    assert store.get_historical_features(query, ["a_view:count"]).to_df()["count"].tolist() == [1.0]


def test_a_view_without_files_is_named(tmp_path):
    view = one_row(tmp_path, "a_view", count=1.0)
    store = store_of(tmp_path, ASOF, [view])
    (tmp_path / "a_view" / "0.parquet").unlink()
    with pytest.raises(ValueError, match="there is no file .*a_view"):
        store.get_historical_features(ENTITIES, ["a_view:count"])
