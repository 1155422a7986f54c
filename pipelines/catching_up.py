"""Windows that nobody trained, trained one after the other: on a laptop and on a cluster, oldest first."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from common.errors import BusyError
from promotion.ledger.claims import GaveWay, read_claims, settle

Train = Callable[[datetime], None]


def catch_up(
    ledger_uri: str, task: str, windows: Sequence[datetime], is_alive: Callable[[str], bool], train: Train
) -> Iterator[datetime]:
    """Train the windows that nobody has, and yield each that was trained.

    A window that failed is tried once a call, up to three times in all; then those after it go on without it.

    Args:
        windows: their ends, in any order.
        is_alive: whether the run of a claim still goes on.
        train: trains a window once, to its end. What it raises ends the catching up, as later windows must wait.

    Raises:
        BusyError: a window is being trained by another run, for which those after it wait.
    """
    known = read_claims(ledger_uri, task)
    for window in sorted(windows):
        if window in known and known[window].settled:
            continue
        found = read_claims(ledger_uri, task).get(window)  # trainings before it took hours
        if found is not None and found.state == "held":
            if is_alive(found.holder):
                raise BusyError(f"the window of {task} to {window:%Y-%m-%d %H:%M} is being trained by {found.holder}")
            settle(ledger_uri, task, found.holder, done=False)
            found = read_claims(ledger_uri, task)[window]
        if found is not None and found.settled:
            continue
        try:
            train(window)
        except GaveWay as gave_way:  # another took it since we looked
            raise BusyError(str(gave_way)) from gave_way
        yield window
