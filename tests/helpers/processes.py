"""Processes of a test's own, run at once."""

from multiprocessing.process import BaseProcess

LONGEST = 120  # seconds that a test waits for each


def exit_codes(*children: BaseProcess) -> list[int | None]:
    """Start all, wait for all. A negative code is that of the signal that ended it; None is of one that goes on."""
    for child in children:
        child.start()
    for child in children:
        child.join(LONGEST)
    return [child.exitcode for child in children]
