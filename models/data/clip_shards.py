"""Clips below a URL, as in a bucket: decoded in shards by many pods, and read clip by clip while training.

No pod holds or copies all of them. A shard is an Arrow file of clips, and a JSON file that says where each clip begins;
it is named by its videos, so that whoever needs the same one finds it, and others decode it meanwhile to the same end.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from common.errors import UserError
from common.files import whole
from common.shards import Videos, cuts, each_kept, open_store, videos_digest
from models.data.clip_cache import Faults, made_by
from models.data.clips import Clips, write_clips
from models.settings import ClipSettings


class Shard(NamedTuple):
    """Where the clips of a shard are: the URL of its file, and the first byte of each video's clip."""

    url: str
    starts: dict[str, int]
    faults: Faults


def window_shards(catalogue: Path, part: int = 0, parts: int = 1) -> Iterator[Videos]:
    """The catalogue's videos in shards, or those of a part of the shards; none is made before it is asked for."""
    table = pq.read_table(catalogue, columns=["video_id", "media_uri", "published_at"])
    for cut in cuts(table["published_at"].to_numpy())[part::parts]:
        rows = table.slice(cut.start, cut.stop - cut.start)
        yield list(zip(rows["video_id"].to_pylist(), rows["media_uri"].to_pylist(), strict=True))


def sharded_clips(
    catalogue: Path, path: Path, settings: ClipSettings, store: str, progress: Callable[[int], None] = lambda _: None
) -> tuple[Faults, bool]:
    """Have the clips of all videos in the store, and write to ``path`` where each is. It appears only when it is whole.

    Returns:
        (video_id, reason) of the videos that could not be decoded, and whether all shards were in the store.
    """
    schema = pa.schema(
        [("video_id", pa.string()), ("shard", pa.string()), ("start", pa.int64())],
        metadata={"clip_settings": settings.model_dump_json()},
    )
    faults: Faults = []
    known = True
    with whole(path) as partial, pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for shard, found in have_shards(window_shards(catalogue), settings, store, progress):
            rows = [list(shard.starts), [shard.url] * len(shard.starts), list(shard.starts.values())]
            writer.write_batch(pa.record_batch(rows, schema))
            faults += shard.faults
            known = known and found
    return faults, known


def have_shards(
    shards: Iterable[Videos], settings: ClipSettings, store: str, progress: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[Shard, bool]]:
    """Each shard, decoded unless it is in the store; and whether it was there."""
    (files, _), by = open_store(store), made_by(settings)
    for shard, found in each_kept(
        shards,
        store,
        named=lambda videos: videos_digest(videos, by),
        make=lambda videos, name: _decode(videos, settings, store, name),
        whole=lambda kept: files.exists(Shard(*kept).url),
        progress=progress,
    ):
        yield Shard(*shard), found


class ClipShards(Clips):
    """Clips by the shard that each is in, of which its bytes alone are read."""

    column = "shard"

    def frames(self, video_ids: Iterable[str]) -> np.ndarray:
        where = self.table.take([self.rows[video_id] for video_id in video_ids])
        urls, starts = where["shard"].to_pylist(), where["start"].to_pylist()
        # Asked for in every batch: the connections of a process are not those of the worker that it becomes.
        files, _ = url_to_fs(urls[0])
        paths = [files._strip_protocol(url) for url in urls]
        size = int(np.prod(self.shape))
        try:
            read = files.cat_ranges(paths, starts, [start + size for start in starts], on_error="raise")
        except FileNotFoundError as error:
            message = f"clips of this run are gone from the clip store ({error}): run it anew, without the cache"
            raise UserError(message) from error
        return np.stack([np.frombuffer(each, np.uint8).reshape(self.shape) for each in read])


def _decode(videos: Videos, settings: ClipSettings, store: str, name: str) -> Shard:
    """The file of clips has a name of its own, so that of two who decode the same shard neither overwrites it."""
    files, folder = open_store(store)
    with tempfile.TemporaryDirectory() as scratch:
        file = f"{folder}/{name}-{Path(scratch).name}.arrow"
        local = Path(scratch) / "clips.arrow"
        faults = write_clips(videos, local, settings)
        shard = Shard(files.unstrip_protocol(file), _starts(local), faults)
        files.put_file(str(local), file)
    return shard


def _starts(clips: Path) -> dict[str, int]:
    """The first byte of each video's clip in a file of ``write_clips``."""
    file = pa.memory_map(str(clips)).read_buffer()
    reader = pa.ipc.open_file(file)
    found: dict[str, int] = {}
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        frames: Any = batch.column("frames")
        first, width = frames.buffers()[1].address - file.address, frames.type.byte_width
        ids: Sequence[str] = batch.column("video_id").to_pylist()
        found |= {video_id: first + row * width for row, video_id in enumerate(ids)}
    return found
