"""A retrieval in partitions: it is gone on with after a stop, nothing half-written counts, and memory is bounded."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from histories import ASOF, store_of, view_of, write_history

from common.errors import BusyError
from feature_repo.asof.entity_rows import EntityRows
from feature_repo.tables import FeatureError

START = pd.Timestamp("2026-06-01", tz="UTC")
ROWS = 40_000
PARTITIONS = {"rows_per_partition": 10_000, "entity_rows_per_partition": 1_000}


@pytest.fixture
def job_of(tmp_path, rng):
    """A new job over the same 40,000 source and 10,000 entity rows each time, in five partitions."""
    frame = pd.DataFrame(
        {
            "video_id": [f"v{n}" for n in rng.integers(0, 5_000, ROWS)],
            "event_timestamp": START + pd.to_timedelta(rng.integers(0, 10_000, ROWS), unit="m"),
            "count": rng.random(ROWS),
        }
    )
    frame["created_timestamp"] = frame.event_timestamp + pd.to_timedelta(rng.integers(0, 500, ROWS), unit="m")
    folder = write_history(tmp_path, "a_view", frame)
    entities = pd.DataFrame(
        {
            "video_id": [f"v{n}" for n in rng.integers(0, 5_000, 10_000)],
            "event_timestamp": START + pd.to_timedelta(rng.integers(0, 10_000, 10_000), unit="m"),
            "row": range(10_000),
        }
    )

    def make(**settings):
        store = store_of(tmp_path, {**ASOF, **PARTITIONS, **settings}, [view_of(folder)])
        return store.get_historical_features(entities, ["a_view:count"], filter_by_created_timestamp=True)

    return make


def manifest(folder: Path) -> dict:
    return json.loads((folder / "_retrieval.json").read_text())


def rows_of(folder: Path) -> pd.DataFrame:
    return pq.read_table(folder).to_pandas().sort_values("row", ignore_index=True)


def test_a_stopped_retrieval_goes_on_where_it_stopped(job_of, tmp_path):
    out, lines = tmp_path / "out", []

    def stop_after_two(line: str) -> None:
        lines.append(line)
        if line.startswith("partition 2 of 5"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job_of().write(out, report=stop_after_two)
    assert lines[0] == "split entity rows into 5 partitions"
    assert manifest(out)["complete"] is False
    kept = {part.name: part.stat().st_mtime_ns for part in out.glob("part-*")}
    assert set(kept) == {"part-00000.parquet", "part-00001.parquet"}
    again: list[str] = []
    job_of().write(out, report=again.append)
    assert [line.split(":")[0] for line in again] == [f"partition {n} of 5" for n in (3, 4, 5)]
    assert {name: (out / name).stat().st_mtime_ns for name in kept} == kept
    assert manifest(out)["complete"] is True
    assert not (out / ".work").exists()
    pd.testing.assert_frame_equal(rows_of(out), job_of().to_df(), check_dtype=False)
    job_of().write(out, report=again.append)
    assert again[-1] == "all 5 partitions are there already"


def test_what_another_retrieval_left_is_not_mixed_in(job_of, tmp_path):
    out = tmp_path / "out"
    job_of().write(out)
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        job_of(rows_per_partition=20_000).write(out)
    assert len(list(out.glob("part-*"))) == 5
    job_of(rows_per_partition=20_000).write(out, allow_overwrite=True)
    assert len(list(out.glob("part-*"))) == 3
    source = next((tmp_path / "a_view").glob("*.parquet"))
    table = pq.read_table(source)
    pq.write_table(table.slice(1), source)  # the files changed: what was retrieved is another result
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        job_of(rows_per_partition=20_000).write(out)


def test_a_link_to_a_folder_is_emptied_too(job_of, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    job_of().write(tmp_path / "out")
    job_of(rows_per_partition=20_000).write(tmp_path / "out", allow_overwrite=True)
    assert (tmp_path / "out").is_symlink()
    assert len(list((tmp_path / "real").glob("part-*"))) == 3


def test_a_part_that_is_lost_or_not_whole_is_made_again(job_of, tmp_path):
    out, lines = tmp_path / "out", []
    job_of().write(out)
    (out / "part-00001.parquet").unlink()
    (out / "part-00003.parquet").write_bytes(b"")
    job_of().write(out, report=lines.append)
    assert [line.split(":")[0] for line in lines if line.startswith("partition")] == [
        "partition 2 of 5", "partition 4 of 5"
    ]  # fmt: skip
    pd.testing.assert_frame_equal(rows_of(out), job_of().to_df(), check_dtype=False)


def test_of_two_at_once_in_one_folder_the_second_is_told_so(job_of, tmp_path):
    def meanwhile(line: str) -> None:
        with pytest.raises(BusyError, match="another retrieval writes to .*out now: wait for it"):
            job_of().write(tmp_path / "out", allow_overwrite=True)

    job_of().write(tmp_path / "out", report=meanwhile)
    pd.testing.assert_frame_equal(rows_of(tmp_path / "out"), job_of().to_df(), check_dtype=False)


def test_what_is_appended_meanwhile_is_not_half_in_it(job_of, tmp_path):
    before, source = job_of().to_df(), tmp_path / "a_view" / "0.parquet"

    def append(line: str) -> None:
        rows = pq.read_table(source)
        rows = rows.set_column(rows.column_names.index("count"), "count", pa.array([9.0] * len(rows), pa.float32()))
        pq.write_table(rows, source.with_name("late.parquet"))

    job_of().write(tmp_path / "out", report=append)
    pd.testing.assert_frame_equal(rows_of(tmp_path / "out"), before, check_dtype=False)
    assert not job_of().to_df().equals(before)


def test_what_is_replaced_meanwhile_stops_it(job_of, tmp_path):
    def replace(line: str) -> None:
        source = tmp_path / "a_view" / "0.parquet"
        pq.write_table(pq.read_table(source).slice(1), source)

    with pytest.raises(FeatureError, match="changed while they were read: retrieve them again"):
        job_of().write(tmp_path / "out", report=replace)
    assert not list((tmp_path / "out").iterdir())
    job_of().write(tmp_path / "out")
    pd.testing.assert_frame_equal(rows_of(tmp_path / "out"), job_of().to_df(), check_dtype=False)


def test_other_names_or_values_are_another_retrieval(job_of):
    settings = job_of().settings
    rows = pd.DataFrame({"video_id": ["a", "b"], "event_timestamp": START, "row": [0, 1]})
    others = [rows, rows.rename(columns={"row": "position"}), rows.assign(row=1), rows.head(1)]
    assert len({EntityRows.of(each, settings).digest for each in others}) == 4
    assert EntityRows.of(rows, settings).digest == EntityRows.of(rows.copy(), settings).digest


def test_a_job_that_spilled_can_be_written_again_and_looked_at(tmp_path):
    ids = pd.Series(range(300_000)).astype(str).str.rjust(40, "v")
    history = pd.DataFrame({"video_id": pd.concat([ids, ids]), "event_timestamp": START, "count": 1.0})
    view = view_of(write_history(tmp_path, "a_view", history), created="")
    job = store_of(tmp_path, {**ASOF, "memory_limit": "100MB", "threads": 1}, [view]).get_historical_features(
        pd.DataFrame({"video_id": ids, "event_timestamp": START}), ["a_view:count"]
    )
    spilled = False

    def look(line: str) -> None:
        nonlocal spilled
        spilled = (tmp_path / "one" / ".work" / "spill").exists()  # made when it is needed

    job.write(tmp_path / "one", report=look)
    assert spilled
    job.write(tmp_path / "two")
    assert pq.read_table(tmp_path / "two")["count"].to_pylist() == [1.0] * len(ids)
    assert len(job.to_df()) == len(ids)


def test_a_folder_of_something_else_is_never_removed(job_of, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        job_of().persist(SavedDatasetFileStorage(path=str(tmp_path / "mine")), allow_overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_feasts_own_way_of_persisting_writes_the_same(job_of, tmp_path):
    job_of().persist(SavedDatasetFileStorage(path=str(tmp_path / "saved")))
    pd.testing.assert_frame_equal(rows_of(tmp_path / "saved"), job_of().to_df(), check_dtype=False)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from histories import ASOF, store_of, view_of
folder = Path(sys.argv[1])
settings = {**ASOF, "rows_per_partition": 10_000, "entity_rows_per_partition": 1_000}
store = store_of(folder, settings, [view_of(folder / "a_view")])
job = store.get_historical_features(
    f"SELECT * FROM read_parquet('{folder}/entities.parquet')", ["a_view:count"], filter_by_created_timestamp=True
)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
job.write(folder / "out")
"""


@pytest.mark.parametrize("room", [4_000, 30_000, 60_000])
def test_a_disk_that_fills_up_leaves_nothing_that_counts_and_the_next_try_goes_on(job_of, tmp_path, room):
    """A limit on the size of a file stands for the full disk: first splits fail, then partitions do."""
    job = job_of()
    job.entity.connection.execute(f"COPY ({job.entity.sql}) TO '{tmp_path}/entities.parquet' (FORMAT parquet)")
    command = [sys.executable, "-W", "ignore", "-c", FULL_DISK, str(tmp_path), str(room)]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "helpers"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode != 0
    assert "write" in done.stderr.lower(), done.stderr[-400:]
    out = tmp_path / "out"
    assert manifest(out)["complete"] is False
    for part in out.glob("part-*.parquet"):
        pq.read_table(part)  # what has its name is whole
    assert not list(out.glob("*.partial"))
    retry = [sys.executable, "-W", "ignore", "-c", FULL_DISK, str(tmp_path), str(resource.RLIM_INFINITY)]
    subprocess.run(retry, check=True, capture_output=True, env=environment)
    assert manifest(out)["complete"] is True
    pd.testing.assert_frame_equal(rows_of(out), job.to_df(), check_dtype=False)


def test_sources_are_not_split_for_few_entity_rows(job_of):
    assert job_of().partitions == 5
    assert job_of(entity_rows_per_partition=4_000).partitions == 3
    assert job_of(entity_rows_per_partition=50_000).partitions == 1


def test_memory_is_bounded_by_the_setting(job_of, tmp_path):
    with pytest.raises(duckdb.OutOfMemoryException):
        job_of(memory_limit="1MB").to_df()
    limit = job_of(memory_limit="321MB").entity.connection.execute("SELECT current_setting('memory_limit')").fetchone()
    assert limit == ("306.1 MiB",)


def test_an_appended_batch_is_a_file_of_its_own_and_nothing_is_rewritten(tmp_path):
    """Late corrections and backfills come through Feast's own ``write_to_offline_store``."""
    times = pd.Series([START, START + pd.Timedelta("1h")])
    first = pd.DataFrame(
        {"video_id": ["a", "b"], "event_timestamp": times, "created_timestamp": times, "count": [1.0, 2.0]}
    )
    view = view_of(write_history(tmp_path, "a_view", first))
    store = store_of(tmp_path, ASOF, [view])
    before = {path.name: path.read_bytes() for path in (tmp_path / "a_view").iterdir()}
    late = first.head(1).assign(count=np.float32(9.0), created_timestamp=START + pd.Timedelta("5h"))
    for _ in range(2):  # the same batch again changes nothing
        store.write_to_offline_store("a_view", late)
    after = {path.name: path.read_bytes() for path in (tmp_path / "a_view").iterdir()}
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    entities = pd.DataFrame({"video_id": "a", "event_timestamp": START + pd.to_timedelta([2, 6], unit="h")})
    found = store.get_historical_features(entities, ["a_view:count"], filter_by_created_timestamp=True).to_df()
    assert found["count"].tolist() == [1.0, 9.0]
