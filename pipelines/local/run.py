"""Run this task for this window: what the command line, the benchmarks and schedules call."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from common.errors import UserError
from pipelines.local.outcome import Outcome, find_outcome, find_study, keep_start
from pipelines.local.run_state import FINISHED, RUNNING, run_states
from pipelines.local.runner import LOG_FILE, RunResult, run_locally, steps_of
from pipelines.local.step_log import Progress
from pipelines.local.workspace import Workspace
from pipelines.request import Request

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
        watching: given the number of steps, what is told how the run goes on.

    Raises:
        RunFailed: a step failed.
    """
    from pipelines.graphs.retrain import retrain_pipeline
    from promotion.tracking import prepare
    from reports.publishing import PublishedRun, publish

    task = request.task
    prepare(workspace.tracking_uri, workspace.tracked_artifacts, task.task)
    with _recorded(request, workspace):
        result = _run(retrain_pipeline(task), request, workspace, cached, watching)
    outcome = find_outcome(workspace, task.task, request.inputs.run_name)
    if outcome.verdict.passed and "nominate" not in result.steps:
        raise RuntimeError(f"the student passed but was not nominated: see {result.folder / LOG_FILE}")
    published = PublishedRun(request.inputs.run_name, result.state.started, outcome.version)
    warnings = publish(result.outputs, outcome.report.parent, published)
    result.state.note(
        FINISHED,
        result.state.last[1],
        made_by=result.made_by,
        passed=outcome.verdict.passed,
        difference=outcome.evaluation.difference,
        version=outcome.version,
    )
    return Finished(request, result, outcome, warnings)


def run_study(
    request: Request, workspace: Workspace, seeds: int, cached: bool = True, watching: Watching = unwatched
) -> tuple[RunResult, Path, pd.DataFrame]:
    """Run the study of a task. Returns the run, its page and its measures."""
    from pipelines.graphs.ablate import ablate_pipeline

    result = _run(ablate_pipeline(request.task, seeds), request, workspace, cached, watching)
    return result, *find_study(result.folder)


def run_pretraining(request: Request, workspace: Workspace, output: Path, watching: Watching = unwatched) -> RunResult:
    """Pre-train on a window's videos; the weights come to ``output``, whole or not at all."""
    from pipelines.graphs.pretrain import pretrain_pipeline

    if output.exists():
        raise UserError(f"{output} is there already: name another folder with --output")
    result = _run(pretrain_pipeline(request.task), request, workspace, True, watching)
    keep_start(result.folder, output)
    return result


def _run(
    pipeline: Callable[..., Any], request: Request, workspace: Workspace, cached: bool, watching: Watching
) -> RunResult:
    with watching(steps_of(pipeline)) as progress:
        return run_locally(pipeline, request, workspace, cached, progress)


@contextmanager
def _recorded(request: Request, workspace: Workspace) -> Iterator[None]:
    """An MLflow run from start to end, however the run ends. What killed runs left open is closed first."""
    from promotion.runs import FAILED, KILLED, begin_run, close_abandoned, end_run
    from promotion.runs import FINISHED as DONE

    uri, task, name = workspace.tracking_uri, request.task.task, request.inputs.run_name
    alive = {state["run"] for state in run_states(workspace.runs) if state["status"] == RUNNING}
    close_abandoned(uri, task, lambda run: run in alive)
    tags = {"window_start": request.start.isoformat(), "window_end": request.end.isoformat()}
    run_id = begin_run(uri, task, name, tags)
    try:
        yield
    except KeyboardInterrupt:
        end_run(uri, run_id, KILLED, "stopped by its user")
        raise
    except BaseException as error:
        end_run(uri, run_id, FAILED, str(error))
        raise
    end_run(uri, run_id, DONE)
