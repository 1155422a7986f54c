"""The commands of schedules: each window is trained once and in order, on Kubeflow Pipelines or on this machine."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count, islice, takewhile
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from common.errors import BusyError, UserError
from corpus.schedule import Schedule
from corpus.settings import MONTHS
from pipelines.cli.cluster.submitting import for_each, kubeflow_of
from pipelines.cli.options import (
    HERE,
    MonthsOption,
    TaskArgument,
    TaskOrAll,
    TasksOption,
    WorkspaceOption,
    chosen_task,
    require_one,
    workspace_at,
)
from pipelines.cli.output import out

if TYPE_CHECKING:
    from pipelines.cluster.kubeflow import Kubeflow
    from pipelines.task import Task
    from pipelines.workspace import Workspace

CRON = typer.Option("--cron", help="Five fields, in UTC: '0 2 * * 1' is Mondays at 02:00.")
SinceOption = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day whose slots count. Default: from now on.")
]
HereOption = Annotated[bool, typer.Option("--here", help="Run on this machine, also where a Kubeflow is named.")]


def schedule(
    task: TaskArgument,
    cron: Annotated[str, CRON],
    since: SinceOption = None,
    months: MonthsOption = MONTHS,
    zone: Annotated[str, typer.Option(help="The zone that the cron expression is meant in.")] = "UTC",
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Have Kubeflow Pipelines train a task by a schedule, each run the window that ends at its slot."""
    from pipelines.cluster import running
    from pipelines.request import Request

    if zone.upper() != "UTC":
        raise UserError(f"Kubeflow keeps schedules in its server's zone, UTC, and not in {zone}: write the hour in UTC")
    where = workspace_at(workspace)
    chosen, kept = chosen_task(task, where, tasks), Schedule(cron)
    kubeflow = kubeflow_of(where)
    first = kept.first(_utc(since) if since else _now())
    request = Request.on_cluster(chosen, kubeflow.cluster, None, months)
    made = running.schedule(kubeflow, request, kept, first)
    out.print(f"{chosen.task} is trained at '{cron}' UTC, pinned to version {made.version.name}. The next runs:")
    for slot in islice(kept.after(_now()), 3):
        out.print(f"  {slot:%a %Y-%m-%d %H:%M} UTC")
    out.print(f"'cpfd catchup {chosen.task}' trains what it misses: run it every hour (docs/cluster.md)")


def unschedule(task: TaskArgument, workspace: WorkspaceOption = HERE, tasks: TasksOption = None) -> None:
    """Remove the schedule of a task from Kubeflow Pipelines; runs that go on end by themselves."""
    from pipelines.cluster import running

    where = workspace_at(workspace)
    chosen, kubeflow = chosen_task(task, where, tasks), kubeflow_of(where)
    found = running.scheduled(kubeflow, chosen.task)
    if found is None:
        raise UserError(f"{chosen.task} has no schedule")
    kubeflow.stop_repeating(found.recurring_run_id)
    out.print(f"{chosen.task} has no schedule any more; it was '{found.schedule.cron}' UTC")


def catchup(
    task: TaskOrAll = None,
    every: Annotated[bool, typer.Option("--all", help="Every task that has a schedule on Kubeflow.")] = False,
    cron: Annotated[str | None, CRON] = None,
    since: SinceOption = None,
    months: MonthsOption = MONTHS,
    here: HereOption = False,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Train the windows of a schedule that nobody trained, oldest first, waiting for each.

    On Kubeflow Pipelines, if the environment names one, by the task's schedule there; else on this machine by --cron
    and --since, from cron or a systemd timer. Exit status: 4 if another run has a window for which the others wait.
    """
    where = workspace_at(workspace)
    require_one(task, every)
    if _on_cluster(here):
        kubeflow = kubeflow_of(where)
        for_each(task, where, tasks, lambda chosen: _catch_up_on_cluster(chosen, kubeflow, optional=every))
        return
    if task is None or cron is None or since is None:
        raise UserError("on this machine say which windows: TASK --cron '0 2 * * 1' --since YYYY-MM-DD")
    _catch_up_here(chosen_task(task, where, tasks), where, Schedule(cron).between(_utc(since), _now()), months)


def backfill(
    task: TaskArgument,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="End of the first window.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day a window may end at.")],
    every: Annotated[Literal["day", "week", "month"], typer.Option(help="From one window's end to the next's.")],
    months: MonthsOption = MONTHS,
    here: HereOption = False,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Train windows of the past that nobody trained, oldest first, as the task is now."""
    import pandas as pd

    from pipelines.cluster import running
    from pipelines.request import Request

    where = workspace_at(workspace)
    chosen = chosen_task(task, where, tasks)
    steps = (_utc(first) + pd.DateOffset(**{f"{every}s": number}) for number in count())
    windows = list(takewhile(lambda end: end <= _utc(last), steps))
    if not windows:
        raise UserError(f"no window ends between {first:%Y-%m-%d} and {last:%Y-%m-%d}")
    if not _on_cluster(here):
        _catch_up_here(chosen, where, windows, months)
        return
    kubeflow = kubeflow_of(where)
    given = Request.on_cluster(chosen, kubeflow.cluster, windows[0], months).arguments
    train = running.trainer(kubeflow, chosen.task, running.publish(kubeflow, chosen), given)
    _catch_up(kubeflow.cluster.ledger_uri, chosen, windows, kubeflow.goes_on, train)


def release(
    task: TaskArgument,
    window: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d %H:%M", "%Y-%m-%d"], help="Its end, in UTC.")],
    here: HereOption = False,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Let a window be trained again by 'cpfd catchup': one that was given up, or whose run is gone without a word."""
    from promotion.ledger.claims import release as release_claim

    where = workspace_at(workspace)
    chosen = chosen_task(task, where, tasks)
    ledger_uri = kubeflow_of(where).cluster.ledger_uri if _on_cluster(here) else where.ledger_uri
    holder = release_claim(ledger_uri, chosen.task, _utc(window))
    if not holder:
        raise UserError(f"no run has the window of {chosen.task} to {window:%Y-%m-%d %H:%M}, or it was trained")
    out.print(f"The window of {chosen.task} to {window:%Y-%m-%d %H:%M} UTC is free; the run {holder} had it")


def _catch_up_on_cluster(task: "Task", kubeflow: "Kubeflow", optional: bool) -> None:
    """By the task's schedule; ``optional`` lets it have none."""
    from pipelines.cluster import running

    found = running.scheduled(kubeflow, task.task)
    if found is not None:
        train = running.trainer(kubeflow, task.task, found.version, found.arguments)
        _catch_up(kubeflow.cluster.ledger_uri, task, found.windows(_now()), kubeflow.goes_on, train)
    elif not optional:
        raise UserError(f"{task.task} has no schedule: make one with 'cpfd schedule {task.task} --cron ...'")


def _catch_up_here(task: "Task", workspace: "Workspace", windows: Sequence[datetime], months: int) -> None:
    from pipelines.cli.run import run_and_print
    from pipelines.request import Request
    from promotion.ledger.claims import claim, settle

    def train(window: datetime) -> None:
        try:
            request = Request.in_workspace(task, workspace, window, months).training_once()
        except UserError:  # a window that cannot be trained must not hold up those after it for ever
            holder = workspace.holder(f"to-{window:%Y%m%d}")
            claim(workspace.ledger_uri, task.task, window, holder)
            settle(workspace.ledger_uri, task.task, holder, done=False)
            raise
        run_and_print(request, workspace, cached=True)

    def is_alive(holder: str) -> bool:
        """One of this workspace is dead unless it keeps others from running the task."""
        if not holder.startswith(workspace.holder()):
            return True
        try:
            with workspace.running_lock(task.task):
                return False
        except BusyError:
            return True

    _catch_up(workspace.ledger_uri, task, windows, is_alive, train)


def _catch_up(
    ledger_uri: str,
    task: "Task",
    windows: Sequence[datetime],
    is_alive: Callable[[str], bool],
    train: Callable[[datetime], None],
) -> None:
    from pipelines.catching_up import catch_up
    from promotion.ledger.claims import MOST_ATTEMPTS, read_claims

    trained = 0
    for window in catch_up(ledger_uri, task.task, windows, is_alive, train):
        trained += 1
        out.print(f"Trained: the window of {task.task} to {window:%Y-%m-%d %H:%M} UTC")
    claims = read_claims(ledger_uri, task.task)
    given_up = [f"{each:%Y-%m-%d %H:%M}" for each in windows if claims[each].state == "failed"]
    if given_up:
        raise UserError(
            f"{trained} of {len(windows)} windows of {task.task} trained now; given up after {MOST_ATTEMPTS} failures: "
            f"{', '.join(given_up)}; once mended, 'cpfd release {task.task} WINDOW' has them trained again"
        )
    out.print(f"{task.task}: {trained} of {len(windows)} windows trained now, none is missing")


def _on_cluster(here: bool) -> bool:
    from pipelines.cluster.kubeflow import HOST

    return not here and bool(os.environ.get(HOST))


def _now() -> datetime:
    return datetime.now(UTC)


def _utc(day: datetime) -> datetime:
    return day.replace(tzinfo=UTC)
