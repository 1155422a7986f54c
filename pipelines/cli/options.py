"""Arguments and options that several commands share."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import UserError

if TYPE_CHECKING:
    from pipelines.task import Task
    from pipelines.workspace import Workspace

HERE = Path(".cpfd")
WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", envvar="CPFD_WORKSPACE", help="Folder that holds corpora, runs and models.")
]
TasksOption = Annotated[
    Path | None,
    typer.Option("--tasks", envvar="CPFD_TASKS", help="Folder of task files. Default: tasks/ in the workspace."),
]
TaskArgument = Annotated[
    str, typer.Argument(metavar="TASK", help="A task, by name ('cpfd tasks' lists them) or by the path of its file.")
]
TaskOrAll = Annotated[str | None, typer.Argument(metavar="[TASK]", help="A task, by name or by the path of its file.")]
EndOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="First day after the window. Default: the day after the newest video."),
]
# A hundred years: data of any age can be run.
MonthsOption = Annotated[int, typer.Option("--months", min=1, max=1200, help="Length of the window.")]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Repeat every step, also those that did not change.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON to stdout instead of text.")]


def workspace_at(folder: Path) -> "Workspace":
    """The workspace, with MLflow and the ledger where the environment says, if it does.

    It and no option, as they are the same for every command.

    Raises:
        UserError: one has a password in it.
        WorkspaceMoved: it was made at another place.
    """
    from pipelines.local.adoption import require_own_place
    from pipelines.workspace import Workspace
    from promotion.errors import NOTHING_SECRET, has_password

    elsewhere = {name: os.environ.get(name, "") for name in ("CPFD_TRACKING_URI", "CPFD_LEDGER_URI")}
    for name, uri in elsewhere.items():
        if has_password(uri):
            raise UserError(f"{name} {NOTHING_SECRET}")
    workspace = Workspace.at(folder, *elsewhere.values())
    require_own_place(workspace.folder)
    return workspace


def require_one(task: str | None, every: bool) -> None:
    """Raise UserError unless there is either a task or --all."""
    if every == (task is not None):
        raise UserError("name a task, or --all for every task")


def tasks_folder(workspace: "Workspace", tasks: Path | None) -> Path:
    """Where the user's own task files are looked for."""
    if tasks is not None and not tasks.is_dir():
        raise UserError(f"there is no folder of task files at {tasks}")
    return tasks or workspace.tasks


def chosen_task(name: str, workspace: "Workspace", tasks: Path | None) -> "Task":
    """The task of that name or path. Raises TaskError."""
    from pipelines.task import load_task

    return load_task(name, tasks_folder(workspace, tasks))
