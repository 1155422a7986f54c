"""How components log their progress: without any import that takes time."""

import time
from collections.abc import Callable


def counter(what: str, total: int) -> Callable[[int], None]:
    """A callback that prints ``what`` n of total, at most once a second."""
    last = time.monotonic()

    def log(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            print(f"{what} {done} of {total}", flush=True)
            last = time.monotonic()

    return log
