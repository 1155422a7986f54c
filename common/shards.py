"""A window's videos in shards, and what is kept of each shard below a URL.

Pods work on shards side by side, and a window a week later finds what this one left of all days but the new ones.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

Videos = Sequence[tuple[str, str]]  # ids and sources
SHARD = 2_048  # videos; their clips of 8 frames at 224 pixels are 2.5 GB, which the disk of any pod holds


def cuts(published: np.ndarray) -> list[slice]:
    """Where rows in the order of their times (N,), datetime64 in UTC, are cut: where a day ends, and after SHARD."""
    days = published.astype("datetime64[D]").astype(np.int64)
    ends = [*(np.flatnonzero(np.diff(days)) + 1), len(days)]
    found: list[slice] = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        found += [slice(first, min(first + SHARD, end)) for first in range(start, end, SHARD)]
    return found


def each_kept(
    shards: Iterable[Videos],
    store: str,
    named: Callable[[Videos], str],
    make: Callable[[Videos, str], Any],
    whole: Callable[[Any], bool] = lambda _: True,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[Any, bool]]:
    """What ``store`` keeps of each shard as JSON under its name, made where it is missing; and whether it was there.

    Of two who make the same at once the later one's stays: both are good.

    Args:
        whole: whether all that a value speaks of is still there.
    """
    files, folder = open_store(store)
    done = 0
    for videos in shards:
        name = named(videos)
        place = f"{folder}/{name}.json"
        value = _read(files, place)
        found = value is not None and whole(value)
        if not found:
            value = make(videos, name)
            files.pipe_file(place, json.dumps(value).encode())
        done += len(videos)
        progress(done)
        yield value, found


def open_store(store: str) -> tuple[Any, str]:
    """The file system of a URL, and the folder in it. A folder of this machine is made; a bucket has to be there."""
    files, folder = url_to_fs(store)
    if isinstance(files, LocalFileSystem):
        files.makedirs(folder, exist_ok=True)
    return files, folder


def _read(files: Any, place: str) -> Any:
    try:
        return json.loads(files.cat_file(place))
    except (FileNotFoundError, json.JSONDecodeError):  # not there, or somebody writes it just now
        return None


def videos_digest(videos: Videos, made_by: str) -> str:
    """A digest of the videos, and of what is ``made_by`` which settings and code.

    A local file with another size or time of writing is another video; of a remote one its URL counts, as more would
    cost a request each.
    """
    digest = hashlib.sha256(made_by.encode())
    for video_id, source in videos:
        digest.update(json.dumps([video_id, source, *_written(source)]).encode())
    return digest.hexdigest()[:16]


def _written(source: str) -> tuple[int, ...]:
    try:
        facts = Path(source).stat()
    except OSError:
        return ()
    return facts.st_size, facts.st_mtime_ns
