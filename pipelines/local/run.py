"""Run this task for this window: what the command line, the benchmarks and schedules call."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from common.errors import UserError
from models.studies.search_space import Tuned
from pipelines.local.adoption import claim_place
from pipelines.local.left_over import last_seen, settle_killed_runs
from pipelines.local.outcome import Outcome, find_outcome, find_study, find_tuned, keep_start
from pipelines.local.run_state import FINISHED, MAIN, PRETRAINING, STUDY, TUNING
from pipelines.local.runner import LOG_FILE, RunFailed, RunResult, run_locally, steps_of
from pipelines.local.step_log import Progress
from pipelines.request import Request
from pipelines.workspace import Workspace

# What is asked for after a run, wherever it lies: in its own folder, or in that of the run which it was taken from.
KEPT = STUDENT, BASELINE, CATALOGUE, CLIPS = (
    "distill-student/distilled",
    "train-baseline/baseline",
    "validate-data/sound_catalogue",
    "decode-clips/clips",
)
Watching = Callable[[int], AbstractContextManager[Progress]]


@contextmanager
def unwatched(_steps: int) -> Iterator[Progress]:
    yield Progress()


@dataclass(frozen=True)
class Finished:
    """A run that went through, whatever the gate said."""

    request: Request
    result: RunResult
    outcome: Outcome
    warnings: list[str]


def run_task(request: Request, workspace: Workspace, cached: bool = True, watching: Watching = unwatched) -> Finished:
    """Run the main job for a request, and record it in MLflow however it ends.

    Args:
        cached: take steps that did not change from the cache.
        watching: given the number of steps, what hears how the run goes on.

    Raises:
        RunFailed: a step failed.
        BusyError: the task is being run in this workspace already.
        GaveWay: the request is to train its window once, and another run has it.
        WorkspaceMoved: the workspace was made at another place.
    """
    from pipelines.graphs.retrain import retrain_pipeline

    with _alone(request, workspace), _claimed(request, workspace), _recorded(request, workspace):
        result = _run(retrain_pipeline(request.task), request, workspace, cached, watching)
        return _finished(request, result, workspace)


def _finished(request: Request, result: RunResult, workspace: Workspace) -> Finished:
    """Put the run's pages beside its report, and what it came to into its state."""
    from reports.publishing import PublishedRun, publish

    outcome = find_outcome(workspace, request.task.task, request.inputs.run_name)
    if outcome.verdict.passed and "nominate" not in result.steps:
        raise RuntimeError(f"the student passed but was not nominated: see {result.folder / LOG_FILE}")
    published = PublishedRun(request.inputs.run_name, result.state.started, outcome.version)
    warnings = [*result.warnings, *publish(result.outputs, outcome.report.parent, published)]
    result.state.note(
        FINISHED,
        result.state.last[1],
        made_by=result.made_by,
        passed=outcome.verdict.passed,
        verdict=outcome.verdict.outcome,
        difference=outcome.evaluation.difference,
        version=outcome.version,
        outputs={name: str(result.outputs[name].relative_to(workspace.runs)) for name in KEPT},
    )
    return Finished(request, result, outcome, warnings)


def run_study(
    request: Request, workspace: Workspace, seeds: int, cached: bool = True, watching: Watching = unwatched
) -> tuple[RunResult, Path, pd.DataFrame]:
    """Run the study of a task. Returns the run, its page and its measures."""
    from pipelines.graphs.ablate import ablate_pipeline

    with _alone(request, workspace):
        result = _run(ablate_pipeline(request.task, seeds), request, workspace, cached, watching, STUDY)
        return result, *find_study(result.folder)


def run_pretraining(request: Request, workspace: Workspace, output: Path, watching: Watching = unwatched) -> RunResult:
    """Pre-train on a window's videos; the weights come to ``output``, whole or not at all."""
    from pipelines.graphs.pretrain import pretrain_pipeline

    if output.exists():
        raise UserError(f"{output} is there already: name another folder with --output")
    with _alone(request, workspace):
        result = _run(pretrain_pipeline(request.task), request, workspace, True, watching, PRETRAINING)
        keep_start(result.folder, output)
        return result


def run_tuning(
    request: Request, workspace: Workspace, trials: int, storage: str | None = None, watching: Watching = unwatched
) -> tuple[RunResult, Tuned]:
    """Tune a task: ``trials`` trials in all, those of earlier calls included. Returns the run and what it came to.

    Args:
        storage: the URL of the trials' database; by default a file of the task's in the workspace.

    Raises:
        TuningError: the database cannot be opened.
    """
    from models.studies.trials import open_storage
    from pipelines.graphs.tune import tune_pipeline

    if storage is None:
        workspace.tuning.mkdir(parents=True, exist_ok=True)
        storage = f"sqlite:///{workspace.tuning / request.task.task}.db"
    open_storage(storage)  # said before the work rather than after it, if it cannot be
    with _alone(request, workspace):
        pipeline = tune_pipeline(request.task, trials, storage)
        result = _run(pipeline, request, workspace, True, watching, TUNING)
        return result, find_tuned(result.folder)


def _run(
    pipeline: Callable[..., Any],
    request: Request,
    workspace: Workspace,
    cached: bool,
    watching: Watching,
    kind: str = MAIN,
) -> RunResult:
    from reports.publishing import publish_checks

    with watching(steps_of(pipeline)) as progress:
        try:
            return run_locally(pipeline, request, workspace, cached, progress, kind)
        except RunFailed as failed:
            pages = publish_checks(failed.outputs, workspace.runs / request.inputs.run_name / "evidence")
            if failed.step not in pages:
                raise
            message = f"{failed}; all that was checked: {pages[failed.step]}"
            raise RunFailed(message, failed.step, failed.outputs) from failed


@contextmanager
def _alone(request: Request, workspace: Workspace) -> Iterator[None]:
    """The one run of the task in this workspace; what killed runs left going is ended first."""
    claim_place(workspace.folder)
    with workspace.running_lock(request.task.task):
        settle_killed_runs(workspace.runs)
        yield


@contextmanager
def _claimed(request: Request, workspace: Workspace) -> Iterator[None]:
    """The request's window, if it is to be trained once, until it is said how that went."""
    from promotion.ledger.claims import claim, settle

    if not request.inputs.once:
        yield
        return
    uri, task, holder = workspace.ledger_uri, request.task.task, workspace.holder(request.inputs.run_name)
    claim(uri, task, request.end, holder)
    try:
        yield
    except BaseException:
        settle(uri, task, holder, done=False)
        raise
    settle(uri, task, holder, done=True)


@contextmanager
def _recorded(request: Request, workspace: Workspace) -> Iterator[None]:
    """An MLflow run from start to end, however the run ends. What killed runs left open is closed first."""
    from promotion import runs as records
    from promotion.tracking import prepare

    uri, task, name = workspace.tracking_uri, request.task.task, request.inputs.run_name
    prepare(uri, workspace.tracked_artifacts, task)
    for killed in records.close_abandoned(uri, task, lambda _: False, lambda run: last_seen(workspace.runs / run)):
        _post_failure(workspace, task, killed, "its process was killed")
    tags = {"window_start": request.start.isoformat(), "window_end": request.end.isoformat()}
    run_id = records.begin_run(uri, task, name, tags)
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        status = records.KILLED if stopped else records.FAILED
        with suppress(UserError):  # a registry that fails now must not hide why the run did
            records.end_run(uri, run_id, status, "stopped by its user" if stopped else str(error))
        if not stopped:
            with suppress(UserError):
                _post_failure(workspace, task, name, str(error))
        raise
    records.end_run(uri, run_id, records.FINISHED)


def _post_failure(workspace: Workspace, task: str, name: str, reason: str) -> None:
    from promotion.ledger.outbox import post

    data = {"task": task, "run": name, "reason": reason}
    post(workspace.ledger_uri, "run.failed", data)
