"""What the desk's pages show: the ledger's entries, in a reviewer's order."""

from collections.abc import Sequence
from dataclasses import dataclass

from promotion.ledger.entries import Entry, Standing, newest, standings


@dataclass(frozen=True)
class TaskView:
    """One task: who serves, who asks to, what was asked, and all that was decided, newest first."""

    task: str
    standing: Standing
    asked: Entry | None
    history: tuple[Entry, ...]

    @property
    def former(self) -> str:
        """The version that a way back would lead to; '' for none."""
        return self.standing.champions[-2] if len(self.standing.champions) > 1 else ""


def task_view(entries: Sequence[Entry], task: str) -> TaskView | None:
    """None for a task of which the ledger knows nothing."""
    about = tuple(each for each in reversed(entries) if each.task == task)
    if not about:
        return None
    now = standings(entries).get(task, Standing())
    return TaskView(task, now, newest(entries, task, now.challenger, "requested") if now.challenger else None, about)


def all_views(entries: Sequence[Entry]) -> list[TaskView]:
    """Tasks in which somebody asks to serve go first."""
    views = [task_view(entries, task) for task in sorted({each.task for each in entries})]
    return sorted((view for view in views if view is not None), key=lambda view: view.asked is None)
