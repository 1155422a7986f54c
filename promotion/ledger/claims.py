"""Which windows of a task were trained or are being trained: so that no two runs train the same one, and in order."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel
from sqlalchemy import Column, Connection, Integer, String, Table, Text, inspect, select

from common.errors import UserError
from promotion.ledger.database import METADATA, alone, connected, nothing_there

CLAIMS = Table(
    "promotion_claims",
    METADATA,
    Column("task", String(63), primary_key=True),
    Column("window_end", String(32), primary_key=True),  # ISO 8601, in UTC
    Column("holder", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
)
MOST_ATTEMPTS = 3  # a window that fails so often waits for a person, and no longer holds up those after it


class GaveWay(UserError):  # noqa: N818 - what a run did
    """The window is not for this run to train. The message says who has it, or what comes before it."""


class Claim(BaseModel, frozen=True, extra="forbid"):
    """``holder`` is a run: Kubeflow's id of it, or where one of a laptop is."""

    window_end: datetime
    holder: str
    state: Literal["held", "done", "failed"]
    attempts: int

    @property
    def settled(self) -> bool:
        """Whether nobody is to train the window any more without being asked to."""
        return self.state == "done" or (self.state == "failed" and self.attempts >= MOST_ATTEMPTS)


def read_claims(uri: str, task: str) -> dict[datetime, Claim]:
    """The claims of a task by window, oldest window first."""
    if nothing_there(uri):
        return {}
    with connected(uri) as connection:
        return _claims(connection, task) if inspect(connection).has_table(CLAIMS.name) else {}


def claim(uri: str, task: str, window_end: datetime, holder: str, before: Sequence[datetime] = ()) -> None:
    """Take the window for ``holder``; again for the same holder, whose step was repeated, changes nothing.

    Args:
        before: windows that come first: those of the schedule that are older.

    Raises:
        GaveWay: another run has the window or trained it, or a window before it is not settled.
    """
    with connected(uri) as connection, alone(connection):
        METADATA.create_all(connection)
        there = _claims(connection, task)
        if waiting := [each for each in before if each not in there or not there[each].settled]:
            raise GaveWay(
                f"{len(waiting)} older windows of {task} come before the one to {window_end:%Y-%m-%d %H:%M}, the first "
                f"to {waiting[0]:%Y-%m-%d %H:%M}: 'cpfd catchup {task}' trains them, and then this one"
            )
        found = there.get(window_end)
        if found is not None and found.state != "failed":
            if found.holder == holder:
                return
            did = "was trained by" if found.state == "done" else "is being trained by"
            raise GaveWay(f"the window of {task} to {window_end:%Y-%m-%d %H:%M} {did} the run {found.holder}")
        key, attempts = {"task": task, "window_end": _written(window_end)}, 1 + (found.attempts if found else 0)
        connection.execute(CLAIMS.delete().filter_by(**key))
        connection.execute(CLAIMS.insert().values(**key, holder=holder, state="held", attempts=attempts))


def settle(uri: str, task: str, holder: str, done: bool) -> bool:
    """Say how the run ended that holds a window; one that failed leaves it to others. Returns whether it held one.

    A run that failed and was retried may yet succeed, unless another took the window.
    """
    if nothing_there(uri):
        return False
    with connected(uri) as connection, alone(connection):
        METADATA.create_all(connection)
        held = (CLAIMS.c.task == task) & (CLAIMS.c.holder == holder) & (CLAIMS.c.state != "done")
        changed = connection.execute(CLAIMS.update().where(held).values(state="done" if done else "failed"))
        return bool(changed.rowcount)


def release(uri: str, task: str, window_end: datetime) -> str:
    """Forget the claim on a window that was not trained, and its failures. Returns who had it; '' for nobody."""
    if nothing_there(uri):
        return ""
    with connected(uri) as connection, alone(connection):
        METADATA.create_all(connection)
        found = _claims(connection, task).get(window_end)
        if found is None or found.state == "done":
            return ""
        connection.execute(CLAIMS.delete().filter_by(task=task, window_end=_written(window_end)))
        return found.holder


def _claims(connection: Connection, task: str) -> dict[datetime, Claim]:
    rows = connection.execute(select(CLAIMS).where(CLAIMS.c.task == task).order_by(CLAIMS.c.window_end)).mappings()
    claims = [Claim.model_validate({name: value for name, value in row.items() if name != "task"}) for row in rows]
    return {each.window_end: each for each in claims}


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
