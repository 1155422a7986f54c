"""Clips below a URL: however many pods decode them, trainings read what one file would give; what is there stays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from common import shards as common_shards
from common.errors import UserError
from models.data import clip_shards
from models.data.clip_shards import ClipShards, have_shards, sharded_clips, window_shards
from models.data.clips import ClipStore, write_clips
from models.settings import ClipSettings

SETTINGS = ClipSettings(frames=2, image_size=32)
START = datetime(2026, 6, 1, 23, tzinfo=UTC)


@pytest.fixture
def window(catalogue, tmp_path) -> pd.DataFrame:
    """Nine videos of three days, one of which does not decode."""
    rows = catalogue.head(9)[["video_id", "media_uri"]].copy()
    (tmp_path / "broken.mp4").write_text("not a video")
    rows.iloc[4, 1] = str(tmp_path / "broken.mp4")
    rows["published_at"] = [START + timedelta(hours=8 * number) for number in range(9)]
    return rows


@pytest.fixture
def store(tmp_path, monkeypatch) -> str:
    monkeypatch.setattr(common_shards, "SHARD", 2)
    return (tmp_path / "store").as_uri()


def written(window: pd.DataFrame, path: Path) -> Path:
    schema = pa.schema(
        [("video_id", pa.string()), ("media_uri", pa.string()), ("published_at", pa.timestamp("us", "UTC"))]
    )
    pq.write_table(pa.Table.from_pandas(window, schema, preserve_index=False), path)
    return path


def test_shards_end_with_a_day_of_utc(window, store, tmp_path):
    shards = list(window_shards(written(window, tmp_path / "c.parquet")))
    assert [len(shard) for shard in shards] == [1, 2, 1, 2, 1, 2]
    assert [video_id for shard in shards for video_id, _ in shard] == list(window.video_id)


@pytest.mark.parametrize("parts", [1, 2, 8])
def test_parts_decoded_elsewhere_are_what_one_file_holds(window, store, tmp_path, parts):
    catalogue = written(window, tmp_path / "c.parquet")
    for part in range(1, parts):  # the pod of the first never came
        list(have_shards(window_shards(catalogue, part, parts), SETTINGS, store))
    faults, _ = sharded_clips(catalogue, tmp_path / "index", SETTINGS, store)
    expected = write_clips(zip(window.video_id, window.media_uri, strict=True), tmp_path / "whole", SETTINGS)
    assert [tuple(fault) for fault in faults] == expected
    ours, whole = ClipShards(tmp_path / "index"), ClipStore(tmp_path / "whole")
    assert ours.video_ids == whole.video_ids
    assert window.video_id[4] not in ours
    some = whole.video_ids[::-1]
    assert (ours.frames(some) == whole.frames(some)).all()


def test_a_window_a_day_later_decodes_the_new_day_alone(window, store, tmp_path, monkeypatch):
    sharded_clips(written(window.iloc[:7], tmp_path / "c.parquet"), tmp_path / "index", SETTINGS, store)
    decoded = []
    monkeypatch.setattr(
        clip_shards, "write_clips", lambda videos, *more: decoded.extend(videos) or write_clips(videos, *more)
    )
    later = written(window.iloc[4:], tmp_path / "later.parquet")
    _, found = sharded_clips(later, tmp_path / "later", SETTINGS, store)
    assert not found
    assert {video_id for video_id, _ in decoded} == set(window.video_id[7:])
    assert sharded_clips(later, tmp_path / "again", SETTINGS, store)[1]
    assert (tmp_path / "again").read_bytes() == (tmp_path / "later").read_bytes()


def test_a_shard_that_is_half_written_is_decoded_again(window, store, tmp_path):
    catalogue = written(window.iloc[:1], tmp_path / "c.parquet")
    sharded_clips(catalogue, tmp_path / "index", SETTINGS, store)
    (described,) = (tmp_path / "store").glob("*.json")
    described.write_text(described.read_text()[:20])
    assert not sharded_clips(catalogue, tmp_path / "index", SETTINGS, store)[1]
    assert len(list((tmp_path / "store").glob("*.arrow"))) == 2  # the first is not overwritten: somebody may read it
    assert ClipShards(tmp_path / "index").frames(window.video_id[:1]).any()


def test_clips_that_were_deleted_are_said_to_be_gone(window, store, tmp_path):
    sharded_clips(written(window, tmp_path / "c.parquet"), tmp_path / "index", SETTINGS, store)
    for shard in (tmp_path / "store").glob("*.arrow"):
        shard.unlink()
    with pytest.raises(UserError, match="gone from the clip store"):
        ClipShards(tmp_path / "index").frames(window.video_id[:1])
    sharded_clips(tmp_path / "c.parquet", tmp_path / "index", SETTINGS, store)
    assert ClipShards(tmp_path / "index").frames(window.video_id[:1]).any()


def test_a_bucket_that_does_not_answer_is_no_fault_of_the_video(window, store, tmp_path, monkeypatch):
    remote = written(window.iloc[:1].assign(media_uri="memory://bucket/a.mp4"), tmp_path / "c.parquet")
    video = Path(window.media_uri[0]).read_bytes()

    def refused(*_, **__):
        raise PermissionError("the token expired")

    with monkeypatch.context() as patch, pytest.raises(PermissionError):
        patch.setattr(MemoryFileSystem, "_open", refused)
        sharded_clips(remote, tmp_path / "index", SETTINGS, store)
    MemoryFileSystem().pipe_file("/bucket/a.mp4", video)
    assert sharded_clips(remote, tmp_path / "index", SETTINGS, store)[0] == []
    assert ClipShards(tmp_path / "index").frames(window.video_id[:1]).any()


def test_a_window_without_a_clip_has_an_index(window, store, tmp_path):
    broken = written(window.iloc[4:5], tmp_path / "c.parquet")
    faults, _ = sharded_clips(broken, tmp_path / "index", SETTINGS, store)
    assert [video_id for video_id, _ in faults] == [window.video_id[4]]
    assert ClipShards(tmp_path / "index").video_ids == []
