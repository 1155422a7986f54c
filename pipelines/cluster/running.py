"""Runs of a task on a cluster: submitted for a window, or by a schedule that trains each window once."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from corpus.schedule import Schedule
from pipelines.cluster.kubeflow import GOES_ON, Kubeflow, Version
from pipelines.cluster.settings import ClusterError
from pipelines.request import Request
from pipelines.task import Task

PAUSE = 15.0  # seconds between two looks at a run that takes hours


@dataclass(frozen=True)
class Scheduled:
    """A task's recurring run: the version that it is pinned to, and what its runs are given."""

    recurring_run_id: str
    schedule: Schedule
    since: datetime
    version: Version
    arguments: dict[str, Any]

    def windows(self, until: datetime) -> list[datetime]:
        """The ends of all windows that were due by then."""
        return self.schedule.between(self.since, until)


def pipeline_name(task: str) -> str:
    return f"cpfd-{task.replace('_', '-')}"


def publish(kubeflow: Kubeflow, task: Task) -> Version:
    """Compile the task as its file is now, and have Kubeflow keep that version."""
    from pipelines.graphs.compile import compile_task

    name = pipeline_name(task.task)
    with tempfile.TemporaryDirectory() as folder:
        return kubeflow.publish(
            name, task.description, compile_task(task, Path(folder) / f"{name}.yaml", kubeflow.cluster)
        )


def submit(kubeflow: Kubeflow, version: Version, request: Request) -> str:
    """Start a run for the request's window. Returns its id."""
    return kubeflow.submit(version, _run_name(request.task.task, request.end), request.arguments)


def schedule(kubeflow: Kubeflow, request: Request, kept: Schedule, since: datetime) -> Scheduled:
    """Have Kubeflow run the request's task at each slot from ``since`` on, pinned to the version as it is now.

    Pinned, because only then Kubeflow tells a run the slot that it is for, and not when it was made.

    Raises:
        ClusterError: the task has a schedule already.
    """
    name = pipeline_name(request.task.task)
    if (found := scheduled(kubeflow, request.task.task)) is not None:
        raise ClusterError(
            f"{request.task.task} has the schedule '{found.schedule.cron}' already: two would train the same windows; "
            "remove it first ('cpfd unschedule')"
        )
    given = request.training_once(kept.cron, since.isoformat()).arguments
    version = publish(kubeflow, request.task)
    made = kubeflow.repeat(version, name, kept.six_fields, since, given)
    return Scheduled(made, kept, since, version, given)


def scheduled(kubeflow: Kubeflow, task: str) -> Scheduled | None:
    """The schedule of a task; None if it has none."""
    found = kubeflow.repeated(pipeline_name(task))
    if found is None:
        return None
    given, pinned = dict(found.runtime_config.parameters), found.pipeline_version_reference
    return Scheduled(
        found.recurring_run_id,
        Schedule(given["schedule"]),
        datetime.fromisoformat(given["since"]),
        Version(pinned.pipeline_id, pinned.pipeline_version_id, ""),
        given,
    )


def trainer(
    kubeflow: Kubeflow, task: str, version: Version, arguments: dict[str, Any], pause: float = PAUSE
) -> Callable[[datetime], None]:
    """What trains one window after another on the cluster, once each, and waits for it.

    It raises ClusterError where a run does not succeed.
    """

    def train(window: datetime) -> None:
        # Its window is given: it asks no schedule, and waits for no window before it.
        given = {**arguments, "window_end": window.isoformat(), "once": True, "schedule": "", "since": ""}
        run = kubeflow.submit(version, _run_name(task, window), given)
        while (state := kubeflow.state(run)) in GOES_ON:
            time.sleep(pause)
        if state != "SUCCEEDED":
            raise ClusterError(f"the run {run} ended as {state or 'deleted'}: {kubeflow.host}/#/runs/details/{run}")

    return train


def _run_name(task: str, window: datetime) -> str:
    return f"{task}-to-{window:%Y%m%dT%H%M}"
