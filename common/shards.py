"""A window's videos in shards, and what is kept of each shard below a URL.

Pods work on shards side by side, and a window a week later finds what this one left of all days but the new ones.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs

Videos = Sequence[tuple[str, str]]  # ids and sources
SHARD = 2_048  # videos; their clips of 8 frames at 224 pixels are 2.5 GB, which the disk of any pod holds


def shards_of(videos: Videos, published: Sequence[Any]) -> list[Videos]:
    """The videos in their order, cut where a day of ``published`` (in UTC) ends, and after SHARD of them."""
    found: list[Videos] = []
    for _, rows in groupby(range(len(videos)), key=lambda row: published[row].date()):
        own = [videos[row] for row in rows]
        found += [own[first : first + SHARD] for first in range(0, len(own), SHARD)]
    return found


def each_kept(
    shards: Iterable[Videos],
    store: str,
    named: Callable[[Videos], str],
    make: Callable[[Videos, str], Any],
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[Any, bool]]:
    """What ``store`` keeps of each shard as JSON under its name, made where it is missing; and whether it was there.

    Of two who make the same at once the later one's stays: both are good.
    """
    files, folder = url_to_fs(store)
    done = 0
    for videos in shards:
        name = named(videos)
        place = f"{folder}/{name}.json"
        try:
            value, found = json.loads(files.cat_file(place)), True
        except (FileNotFoundError, json.JSONDecodeError):  # not there, or somebody writes it just now
            value, found = make(videos, name), False
            files.makedirs(folder, exist_ok=True)
            files.pipe_file(place, json.dumps(value).encode())
        done += len(videos)
        progress(done)
        yield value, found


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
