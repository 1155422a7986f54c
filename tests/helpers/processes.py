"""Processes of a test's own: the installed command line, as a user types it, and several at once."""

import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

CPFD = str(Path(sys.executable).with_name("cpfd"))
LONGEST = 120  # seconds that a test waits for each


def exit_codes(*children: BaseProcess) -> list[int | None]:
    """Start all, wait for all. A negative code is that of the signal that ended it; None is of one that goes on."""
    for child in children:
        child.start()
    for child in children:
        child.join(LONGEST)
    return [child.exitcode for child in children]
