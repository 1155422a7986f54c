"""The commands about what is there: tasks, runs and versions; tidying up; a workspace that was moved."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from common.errors import UserError
from pipelines.cli.options import HERE, JsonOption, TasksOption, WorkspaceOption, tasks_folder, workspace_at
from pipelines.cli.output import out


def tasks(workspace: WorkspaceOption = HERE, tasks: TasksOption = None) -> None:
    """List the tasks: the built-in ones, and your own in the folder of task files."""
    from pipelines.task import TaskError, load_task, task_files
    from pipelines.workspace import Workspace

    folder = tasks_folder(Workspace.at(workspace), tasks)
    table = Table("task", "classes", "corpus", "method", "what it asks", box=None)
    for name in task_files(folder):
        try:
            task = load_task(name, folder)
        except TaskError as error:
            table.add_row(name, "", "", "", f"cannot be read: {error}")
            continue
        table.add_row(name, ", ".join(task.classes), task.corpus, task.distillation.method.name, task.description)
    out.print(table)


def status(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="Default: all that have run.")] = None,
    workspace: WorkspaceOption = HERE,
    newest: Annotated[int, typer.Option(min=1, help="Runs to show of each task.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Show the newest runs of a task, how they ended, and which versions serve and ask to."""
    from pipelines.local.status import task_status

    where = workspace_at(workspace)
    found = task_status(where, task, newest)
    if as_json:
        out.print(json.dumps(found))
        return
    if not found:
        out.print("Nothing has run here yet: start with 'cpfd demo' or 'cpfd run TASK'")
    for each in found:
        out.print(f"{each['task']}: champion {each['champion'] or 'none'}, challenger {each['challenger'] or 'none'}")
        for run in each["runs"]:
            started = datetime.fromtimestamp(run["started"], UTC)
            out.print(f"  {started:%Y-%m-%d %H:%M} UTC  {run['run']}  {run['seconds']:.0f} s  {_ended(run)}")


def _ended(run: dict) -> str:
    if run["status"] != "finished":
        reason = f": {run['reason']}" if run["reason"] else ""
        return f"{run['status']} at {run['step'] or 'the start'}{reason}"
    if run.get("passed") is None:
        return "finished"
    version = f", version {run['version']}" if run.get("version") else ""
    verdict = run.get("verdict") or ("passed" if run["passed"] else "failed")  # runs of older versions have none
    return f"{verdict}{version}  F1 {run['difference']:+.4f}"


def clean(
    keep: Annotated[int, typer.Option(min=0, help="Newest runs of each task to keep.")],
    workspace: WorkspaceOption = HERE,
) -> None:
    """Remove old runs' folders. What MLflow holds (evidence, models, archives) stays, and what kept runs stand on."""
    from pipelines.local.cleaning import clean as remove_old_runs

    removed, freed = remove_old_runs(workspace_at(workspace), keep)
    out.print(f"Removed {len(removed)} runs, {decimal(freed)}")


def adopt(workspace: WorkspaceOption = HERE) -> None:
    """Make a workspace that was moved or copied this place's own; its former place is left as it is."""
    from pipelines.local.adoption import adopt as make_own

    folder = workspace.expanduser().resolve()
    if not folder.is_dir():
        raise UserError(f"there is no workspace at {folder}")
    former = make_own(folder)
    if former is None:
        out.print(f"{folder} is where it always was: nothing to do")
    else:
        out.print(f"{folder} is on its own now, and no longer points to {former}. Its next run repeats every step.")
