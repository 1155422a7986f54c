"""How components log their progress: without any import that takes time."""

import time
from collections.abc import Callable, Sequence


def counter(what: str, total: int) -> Callable[[int], None]:
    """A callback that prints ``what`` n of total, at most once a second."""
    last = time.monotonic()

    def log(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            print(f"{what} {done} of {total}", flush=True)
            last = time.monotonic()

    return log


def part_done(part: int, parts: int, videos: int, found: Sequence[bool]) -> int:
    """Say what a part of the videos came to, and which of its shards were ``found``. Returns how many videos it has."""
    print(f"part {part + 1} of {parts}: {videos} videos; {sum(found)} of {len(found)} shards were there", flush=True)
    return videos
