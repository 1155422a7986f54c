"""Partitions read in place where ids lie in order, and split where they do not: the same rows either way."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from feast import Field
from feast.types import Float32
from histories import ASOF, CREATOR, VIDEO, store_of, view_of, write_history

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
    told: list[str] = []
    job.write(folder, tell=told.append)
    return pq.read_table(folder).to_pandas().sort_values("row", ignore_index=True), told


@pytest.mark.parametrize("kind", list(KEYS))
def test_ids_in_order_are_read_in_place(job_of, tmp_path, kind):
    job = job_of(kind, in_order=True)
    assert job.partitions == 5
    found, told = written(job, tmp_path / "out")
    assert [line.split(":")[0] for line in told] == [f"partition {number} of 5" for number in range(1, 6)]
    sizes = [pq.read_metadata(part).num_rows for part in sorted((tmp_path / "out").glob("part-*"))]
    assert max(sizes) < 1.2 * min(sizes)
    pd.testing.assert_frame_equal(found, job.to_df(), check_dtype=False)
    assert found.one_count.notna().sum() > 500


@pytest.mark.parametrize("kind", list(KEYS))
def test_ids_in_no_order_are_split(job_of, tmp_path, kind):
    job = job_of(kind, in_order=False)
    found, told = written(job, tmp_path / "out")
    assert [line for line in told if line.startswith("split")] == [
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
        job.write(out, tell=stop)
    kept = (out / "part-00000.parquet").stat().st_mtime_ns
    found, told = written(job, out)
    assert [line.split(":")[0] for line in told] == [f"partition {number} of 5" for number in range(2, 6)]
    assert (out / "part-00000.parquet").stat().st_mtime_ns == kept
    pd.testing.assert_frame_equal(found, job.to_df(), check_dtype=False)
