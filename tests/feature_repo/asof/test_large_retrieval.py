"""A retrieval in partitions: it is gone on with after a stop, and nothing else is mixed in or removed."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from histories import JUNE, manifest, rows_of

from common.errors import BusyError
from feature_repo.asof.entity_rows import EntityRows
from feature_repo.tables import FeatureError


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


def test_of_two_at_once_in_one_folder_the_second_is_refused(job_of, tmp_path):
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
    rows = pd.DataFrame({"video_id": ["a", "b"], "event_timestamp": JUNE, "row": [0, 1]})
    others = [rows, rows.rename(columns={"row": "position"}), rows.assign(row=1), rows.head(1)]
    assert len({EntityRows.of(each, settings).digest for each in others}) == 4
    assert EntityRows.of(rows, settings).digest == EntityRows.of(rows.copy(), settings).digest


def test_a_folder_of_something_else_is_never_removed(job_of, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(SavedDatasetLocationAlreadyExists):
        job_of().persist(SavedDatasetFileStorage(path=str(tmp_path / "mine")), allow_overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_feasts_own_way_of_persisting_writes_the_same(job_of, tmp_path):
    job_of().persist(SavedDatasetFileStorage(path=str(tmp_path / "saved")))
    pd.testing.assert_frame_equal(rows_of(tmp_path / "saved"), job_of().to_df(), check_dtype=False)
