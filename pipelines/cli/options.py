"""Arguments and options that several commands share."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.local.workspace import Workspace

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", envvar="CPFD_WORKSPACE", help="Folder that holds corpora, runs and models.")
]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="A task; 'cpfd tasks' lists them.")]
EndOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="First day after the window. Default: the day after the newest video."),
]
HERE = Path(".cpfd")


def workspace_at(folder: Path) -> "Workspace":
    from pipelines.local.workspace import Workspace

    return Workspace.at(folder)
