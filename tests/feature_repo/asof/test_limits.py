"""A retrieval within limits: of memory, of a disk that fills up, of what an append may touch."""

import resource
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from histories import ASOF, JUNE, manifest, rows_of, store_of, view_of, write_history


def test_a_job_that_spilled_can_be_written_again_and_looked_at(tmp_path):
    ids = pd.Series(range(300_000)).astype(str).str.rjust(40, "v")
    history = pd.DataFrame({"video_id": pd.concat([ids, ids]), "event_timestamp": JUNE, "count": 1.0})
    view = view_of(write_history(tmp_path, "a_view", history), created="")
    job = store_of(tmp_path, {**ASOF, "memory_limit": "100MB", "threads": 1}, [view]).get_historical_features(
        pd.DataFrame({"video_id": ids, "event_timestamp": JUNE}), ["a_view:count"]
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
    times = pd.Series([JUNE, JUNE + pd.Timedelta("1h")])
    first = pd.DataFrame(
        {"video_id": ["a", "b"], "event_timestamp": times, "created_timestamp": times, "count": [1.0, 2.0]}
    )
    view = view_of(write_history(tmp_path, "a_view", first))
    store = store_of(tmp_path, ASOF, [view])
    before = {path.name: path.read_bytes() for path in (tmp_path / "a_view").iterdir()}
    late = first.head(1).assign(count=np.float32(9.0), created_timestamp=JUNE + pd.Timedelta("5h"))
    for _ in range(2):  # the same batch again changes nothing
        store.write_to_offline_store("a_view", late)
    after = {path.name: path.read_bytes() for path in (tmp_path / "a_view").iterdir()}
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1
    entities = pd.DataFrame({"video_id": "a", "event_timestamp": JUNE + pd.to_timedelta([2, 6], unit="h")})
    found = store.get_historical_features(entities, ["a_view:count"], filter_by_created_timestamp=True).to_df()
    assert found["count"].tolist() == [1.0, 9.0]
