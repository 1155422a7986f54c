"""The commands that run a task: the main job, a study, a tuning."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from corpus.settings import MONTHS
from pipelines.cli.exit import NOT_PASSED
from pipelines.cli.many import run_all
from pipelines.cli.options import (
    HERE,
    EndOption,
    FreshOption,
    JsonOption,
    MonthsOption,
    TaskArgument,
    TaskOrAll,
    TasksOption,
    WorkspaceOption,
    chosen_task,
    require_one,
    tasks_folder,
    workspace_at,
)
from pipelines.cli.output import StepProgress, TrialProgress, out
from pipelines.cli.review.notify import telling

if TYPE_CHECKING:
    from models.studies.search_space import Tuned
    from pipelines.local.run import Finished
    from pipelines.local.runner import RunResult
    from pipelines.request import Request
    from pipelines.workspace import Workspace


def run(
    task: TaskOrAll = None,
    every: Annotated[bool, typer.Option("--all", help="Every task whose corpus is in the workspace.")] = False,
    parallel: Annotated[int, typer.Option(min=1, help="With --all: tasks at a time.")] = 1,
    end: EndOption = None,
    months: MonthsOption = MONTHS,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
    fresh: FreshOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the pipeline of a task on this machine, up to a challenger or a reason why there is none.

    Exit status: 0 the student passed, 3 it did not, 1 the run failed, 4 another process is in the way; with --all, 1 if
    a run failed.
    """
    from pipelines.request import Request

    where = workspace_at(workspace)
    if task is None or every:
        require_one(task, every)
        run_all(where, tasks, parallel, end, months, fresh, as_json)
        return
    request = Request.in_workspace(chosen_task(task, where, tasks), where, end, months)
    finished = run_and_print(request, where, cached=not fresh, quiet=as_json)
    if as_json:
        out.print(json.dumps(described(finished)))
    if not finished.outcome.verdict.passed:
        raise typer.Exit(NOT_PASSED)


def ablate(
    task: TaskArgument,
    seeds: Annotated[int, typer.Option(min=1, max=50, help="Seeds a student.")] = 3,
    end: EndOption = None,
    months: MonthsOption = MONTHS,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
    fresh: FreshOption = False,
) -> None:
    """Study a task: methods, mappings, temperatures and fewer labels over one teacher, as a page of tables."""
    from models.evaluation.metrics import titles
    from pipelines.local.run import run_study
    from pipelines.request import Request

    where = workspace_at(workspace)
    request = Request.in_workspace(chosen_task(task, where, tasks), where, end, months)
    _announce(request)
    result, report, measures = run_study(request, where, seeds, not fresh, StepProgress)
    _print_steps(result)
    shown = titles(request.task.judge)
    table = Table("model", *shown.values(), title=f"all labels, means over {seeds} seeds")
    full = measures[measures.share == 1.0].groupby("model", sort=False)[list(shown)].mean()
    for name, values in full.iterrows():
        table.add_row(str(name), *(f"{value:.4f}" for value in values))
    out.print(table)
    out.print(f"Report: {report}")


def tune(
    task: TaskArgument,
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, with those that were made before.")] = 20,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: TASK_tuned.yaml in the folder of task files.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="URL of the trials' database. Default: a file in the workspace.")
    ] = None,
    end: EndOption = None,
    months: MonthsOption = MONTHS,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Search a task's settings on folds of its training rows: the best ones as a task file to compare and take over."""
    from pipelines.local.run import run_tuning
    from pipelines.request import Request
    from pipelines.task import load_task, task_path
    from pipelines.tuned_task import tuned_path, write_tuned

    where = workspace_at(workspace)
    folder = tasks_folder(where, tasks)
    original, chosen = task_path(task, folder), load_task(task, folder)
    target = tuned_path(chosen, folder, output)
    request = Request.in_workspace(chosen, where, end, months)
    _announce(request)
    result, tuned = run_tuning(request, where, trials, storage, TrialProgress)
    _print_steps(result)
    _print_tuned(tuned)
    write_tuned(original, chosen, tuned, target)
    out.print(f"Task file: {target}\nCompare on rows that no trial saw: 'cpfd run {task}' and 'cpfd run {target}'")


def _print_tuned(tuned: "Tuned") -> None:
    title = f"trial {tuned.best_trial} of {tuned.trials}, {tuned.folds} folds of the training rows"
    table = Table("setting", "the task's own", "best", title=title)
    for path, value in tuned.best.items():
        table.add_row(path, *(_written(each) for each in (tuned.own[path], value)))
    table.add_row(f"mean {tuned.metric}", f"{tuned.own_value:.4f}", f"{tuned.best_value:.4f}")
    out.print(table)


def _written(value: Any) -> str:
    """A setting in a cell: a kind by its name."""
    return str(value["name"]) if isinstance(value, dict) else f"{value:g}"


def described(finished: "Finished") -> dict[str, Any]:
    """What ``cpfd run --json`` prints."""
    outcome, inputs = finished.outcome, finished.request.inputs
    return {
        "run": inputs.run_name,
        "task": finished.request.task.task,
        "window_start": finished.request.start.isoformat(),
        "window_end": inputs.window_end,
        "snapshot": inputs.snapshot,
        "passed": outcome.verdict.passed,
        "verdict": outcome.verdict.outcome,
        "reason": outcome.verdict.reason,
        "version": outcome.version,
        "metrics": {name: model.metrics for name, model in outcome.evaluation.models.items()},
        "peers": {name: model.metrics for name, model in outcome.evaluation.peers.items()},
        "warnings": finished.warnings,
        "report": str(outcome.report),
        "seconds": round(finished.result.seconds, 1),
        "steps": finished.result.steps,
    }


def run_and_print(request: "Request", workspace: "Workspace", cached: bool, quiet: bool = False) -> "Finished":
    """Run a request and print how it went; ``quiet`` prints nothing to stdout."""
    from pipelines.local.run import run_task

    if not quiet:
        _announce(request)
    with telling(workspace):
        finished = run_task(request, workspace, cached, StepProgress)
    if not quiet:
        _print_steps(finished.result)
        _print_outcome(finished)
    return finished


def _announce(request: "Request") -> None:
    from corpus.contract import read_manifest

    manifest, inputs = read_manifest(request.corpus), request.inputs
    simulated = ", simulated" if manifest.simulated else ""
    window = f"the {inputs.months} months before {request.end:%Y-%m-%d}"
    out.print(f"Run {inputs.run_name}: {window} of the corpus {manifest.name}{simulated}")


def _print_steps(result: "RunResult") -> None:
    took = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in result.steps.items() if seconds and seconds >= 1)
    reused = [step for step, seconds in result.steps.items() if seconds is None]
    out.print(f"Took {result.seconds:.0f} s: {took}")
    if reused:
        out.print(f"Unchanged and taken from the cache: {', '.join(reused)}")
    out.print()


def _print_outcome(finished: "Finished") -> None:
    from corpus.contract import read_manifest
    from models.evaluation.metrics import titles

    outcome = finished.outcome
    simulated = " (simulated)" if read_manifest(finished.request.corpus).simulated else ""
    judged, *others = titles(outcome.evaluation.judge).values()
    title = f"{outcome.evaluation.rows['evaluation']} evaluation rows{simulated}"
    table = Table("model", judged, "95 % interval", *others, title=title)
    evaluation = outcome.evaluation
    for name, values in {**evaluation.models, **evaluation.peers}.items():
        if name == next(iter(evaluation.peers), None):
            table.add_section()
        judged, *others = (f"{value:.4f}" for value in values.metrics.values())
        table.add_row(name, judged, f"{values.interval[0]:.4f} to {values.interval[1]:.4f}", *others)
    out.print(table)
    for warning in finished.warnings:
        out.print(Text.assemble(("Warning: ", "yellow"), warning))
    verdict = (
        ("passed", "green") if outcome.verdict.passed else (f"{outcome.verdict.outcome}, nothing is promoted", "yellow")
    )
    out.print(Text.assemble("Gate: ", verdict, f": {outcome.verdict.reason}"))
    out.print(f"Report: {outcome.report}")
