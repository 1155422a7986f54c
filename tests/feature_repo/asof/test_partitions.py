"""Partitions read in place where ids lie in order, and split where they do not: the same rows either way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from feast import Field
from feast.types import Float32
from histories import ASOF, CREATOR, VIDEO, store_of, view_of, write_history

from feature_repo.asof.partitions import by_range, common_type, range_bounds, shared_keys

START = pd.Timestamp("2026-06-01", tz="UTC")
KEYS = {
    "words": (VIDEO, [f"v{number:05}" for number in range(1_000)]),
    "numbers": (CREATOR, list(range(-500, 500))),
}


@pytest.fixture
def job_of(tmp_path, rng):
    """A new job over two views of 4,000 rows each by one key, whose ids are in order in the files or not."""

    def make(kind: str, in_order: bool, row_group_size: int = 200):
        entity, ids = KEYS[kind]
        key = entity.join_key
        views = []
        for name in ("one", "other"):
            frame = pd.DataFrame({key: rng.choice(ids, 4_000)})
            frame["event_timestamp"] = START + pd.to_timedelta(rng.integers(0, 5_000, 4_000), unit="m")
            frame["created_timestamp"] = frame.event_timestamp + pd.to_timedelta(rng.integers(0, 90, 4_000), unit="m")
            frame[f"{name}_count"] = rng.random(4_000)
            frame = frame.sort_values(key) if in_order else frame
            folder = write_history(tmp_path, name, frame, row_group_size=row_group_size)
            fields = [Field(name=f"{name}_count", dtype=Float32)]
            views.append(view_of(folder, entities=[entity], fields=fields))
        asked = rng.permutation([*ids, *ids[:50]]).tolist()
        rows = pd.DataFrame({key: pd.Series([*asked, None], dtype="Int64" if kind == "numbers" else "string")})
        rows["event_timestamp"] = START + pd.to_timedelta(rng.integers(0, 6_000, len(rows)), unit="m")
        rows["row"] = range(len(rows))
        settings = {"rows_per_partition": 10_000 if in_order else 2_000, "entity_rows_per_partition": 100}
        store = store_of(tmp_path, {**ASOF, **settings}, views)
        return store.get_historical_features(
            rows, ["one:one_count", "other:other_count"], filter_by_created_timestamp=True
        )

    return make


def written(job, folder) -> tuple[pd.DataFrame, list[str]]:
    lines: list[str] = []
    job.write(folder, report=lines.append)
    return pq.read_table(folder).to_pandas().sort_values("row", ignore_index=True), lines


@pytest.mark.parametrize("kind", list(KEYS))
def test_ids_in_order_are_read_in_place(job_of, tmp_path, kind):
    job = job_of(kind, in_order=True)
    assert job.partitions == 5
    found, lines = written(job, tmp_path / "out")
    assert [line.split(":")[0] for line in lines] == [f"partition {number} of 5" for number in range(1, 6)]
    sizes = [pq.read_metadata(part).num_rows for part in sorted((tmp_path / "out").glob("part-*"))]
    assert max(sizes) < 1.2 * min(sizes)
    pd.testing.assert_frame_equal(found, job.to_df(), check_dtype=False)
    assert found.one_count.notna().sum() > 500


@pytest.mark.parametrize("kind", list(KEYS))
def test_ids_in_no_order_are_split(job_of, tmp_path, kind):
    job = job_of(kind, in_order=False)
    found, lines = written(job, tmp_path / "out")
    assert [line for line in lines if line.startswith("split")] == [
        f"split {what} into 5 partitions" for what in ("entity rows", "one", "other")
    ]
    pd.testing.assert_frame_equal(found, job.to_df(), check_dtype=False)


def test_order_within_one_row_group_saves_no_reading(job_of):
    assert job_of("words", in_order=True, row_group_size=200).bounds
    assert not job_of("words", in_order=True, row_group_size=4_000).bounds


def test_partitions_read_in_place_are_gone_on_with(job_of, tmp_path):
    job, out = job_of("words", in_order=True), tmp_path / "out"

    def stop(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt, match="partition 1 of 5"):
        job.write(out, report=stop)
    kept = (out / "part-00000.parquet").stat().st_mtime_ns
    found, lines = written(job, out)
    assert [line.split(":")[0] for line in lines] == [f"partition {number} of 5" for number in range(2, 6)]
    assert (out / "part-00000.parquet").stat().st_mtime_ns == kept
    pd.testing.assert_frame_equal(found, job.to_df(), check_dtype=False)


def keyed_job(tmp_path, rng, asked: str, held: pa.DataType, in_order: bool):
    """A job over 4,000 rows with keys of one type, asked for by 400 rows with keys of another (as SQL), two each."""
    ids = [*range(-100, 100)]
    history = pd.DataFrame({"creator_id": rng.choice(ids, 4_000)})
    history["event_timestamp"] = START + pd.to_timedelta(rng.integers(0, 5_000, 4_000), unit="m")
    history = (history.sort_values("creator_id") if in_order else history).assign(count=rng.random(4_000))
    folder = write_history(tmp_path, "a_view", history, row_group_size=200)
    table = pq.read_table(folder / "0.parquet")
    table = table.set_column(0, "creator_id", table["creator_id"].cast(held))
    if pa.types.is_floating(held):  # the same number as 0.0, but another text
        zero = pc.if_else(pc.equal(table["creator_id"], 0), pa.scalar(-0.0, held), table["creator_id"])
        table = table.set_column(0, "creator_id", zero)
    pq.write_table(table, folder / "0.parquet", row_group_size=200)
    entities = (
        f"SELECT number::{asked} AS creator_id, TIMESTAMP '2026-06-03' + to_minutes(row) AS event_timestamp, row "
        "FROM (SELECT range % 200 - 100 AS number, range AS row FROM range(400))"
    )
    settings = {"rows_per_partition": 1_000, "entity_rows_per_partition": 80}
    view = view_of(folder, entities=[CREATOR], created="")
    return store_of(tmp_path, {**ASOF, **settings}, [view]).get_historical_features(entities, ["a_view:count"])


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ("DOUBLE", pa.int64()),  # whole numbers of which some are missing, in pandas
        ("BIGINT", pa.float64()),
        ("INTEGER", pa.int64()),
        ("DOUBLE", pa.float64()),
        ("FLOAT", pa.int64()),
        ("BIGINT", pa.string()),
        ("VARCHAR", pa.int64()),
    ],
)
def test_keys_that_the_join_finds_equal_are_of_one_partition_whatever_their_types(tmp_path, rng, asked, held, in_order):
    job = keyed_job(tmp_path, rng, asked, held, in_order)
    assert job.partitions > 2
    found, _ = written(job, tmp_path / "out")
    assert found["count"].notna().sum() > 390
    pd.testing.assert_frame_equal(found, job.to_df(), check_dtype=False)


def test_a_category_is_the_text_that_it_stands_for(job_of, tmp_path, rng):
    job = job_of("words", in_order=True)
    words = ", ".join(f"'{word}'" for word in rng.permutation(KEYS["words"][1]))  # an order of its own
    job.entity.connection.execute(f"CREATE TYPE word AS ENUM ({words})")
    entity = replace(job.entity, sql=f"SELECT * REPLACE (video_id::word AS video_id) FROM ({job.entity.sql})")
    keys = shared_keys(entity, job.views)
    bounds = range_bounds(entity, job.views, keys, 5)
    relations = by_range(entity, job.views, keys, bounds)
    counts = [
        entity.connection.execute(
            f"SELECT count(*) FROM ({asked}) JOIN ({sources['one']}) USING (video_id)"
        ).fetchone()[0]
        for asked, sources in map(relations, range(5))
    ]
    every = f"SELECT count(*) FROM ({entity.sql}) JOIN ({job.views[0].rows}) USING (video_id)"
    assert (sum(counts),) == entity.connection.execute(every).fetchone()
    assert min(counts) > 500


def test_types_in_which_equal_keys_are_alike():
    assert common_type({"VARCHAR", "ENUM('a', 'b')"}) == "VARCHAR"
    assert common_type({"INTEGER", "BIGINT"}) == "BIGINT"
    assert common_type({"INTEGER", "DOUBLE"}) == "DOUBLE"
    assert common_type({"UUID"}) == "UUID"
    assert common_type({"UUID", "VARCHAR"}) is None
    assert common_type({"FLOAT", "BIGINT"}) is None  # 16,777,217 is another number as a float


def test_ids_with_a_nul_and_rows_without_times_are_partitioned_too(tmp_path, rng):
    ids = [f"v{number:03}\0'" for number in range(500)]
    history = pd.DataFrame({"video_id": np.repeat(ids, 4), "count": rng.random(2_000)})
    history["event_timestamp"] = START
    view = view_of(write_history(tmp_path, "a_view", history, row_group_size=100), created="")
    entities = pd.DataFrame({"video_id": ids, "event_timestamp": START, "row": range(500)})
    for in_order, moments in [(True, START), (False, pd.Series([pd.NaT] * 500, dtype="datetime64[us, UTC]"))]:
        settings = {"rows_per_partition": 5_000 if in_order else 1_000, "entity_rows_per_partition": 100}
        job = store_of(tmp_path, {**ASOF, **settings}, [view]).get_historical_features(
            entities.assign(event_timestamp=moments), ["a_view:count"]
        )
        assert job.partitions > 1
        found, _ = written(job, tmp_path / f"out-{in_order}")
        assert found["count"].notna().sum() == (500 if in_order else 0)
