"""The commands that decide which model serves."""

import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.options import HERE, WorkspaceOption, workspace_at
from pipelines.cli.output import out
from pipelines.cli.review.notify import telling

if TYPE_CHECKING:
    from pipelines.workspace import Workspace
    from promotion.review import Office

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="The name of a task that has run.")]
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="A version that passed: 'cpfd status'.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides. Default: the user of this machine.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in a sentence: the ledger keeps it.")]


def review(
    task: TaskName,
    workspace: WorkspaceOption = HERE,
    version: Annotated[str | None, typer.Option(help="Default: the challenger.")] = None,
    launch: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Open the evidence of the version that asks to serve, and say how to decide."""
    from promotion.review import fetch_page_of, standing

    where = workspace_at(workspace)
    now = standing(where.ledger_uri, task)
    chosen = version or now.challenger
    if not chosen:
        out.print(f"No version of {task} asks to serve; the champion is {now.champion or 'none'}.")
        return
    page = fetch_page_of(where.tracking_uri, task, chosen, where.folder / "reviews") / "report.html"
    out.print(f"{task} version {chosen} (the champion is {now.champion or 'none'}): {page}")
    out.print(f"Decide with 'cpfd approve {task} {chosen} --reason …' or 'cpfd reject {task} {chosen} --reason …'.")
    if launch:
        typer.launch(page.as_uri())


def approve(
    task: TaskName,
    version: VersionArgument,
    reason: ReasonOption,
    by: ByOption = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Make a version that asked to serve the champion: what 'cpfd serve' serves."""
    approve_version(workspace_at(workspace), task, version, by, reason)


def approve_version(workspace: "Workspace", task: str, version: str, by: str | None, reason: str) -> None:
    from promotion.review import approve

    with telling(workspace):
        _, former = approve(office(workspace), task, version, by or whoever(), reason)
    _say_champion(task, version, former)


def reject(
    task: TaskName,
    version: VersionArgument,
    reason: ReasonOption,
    by: ByOption = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Let the version that asks to serve not serve."""
    from promotion.review import reject as decline

    where = workspace_at(workspace)
    with telling(where):
        decline(office(where), task, version, by or whoever(), reason)
    out.print(f"{task} version {version} is rejected: it no longer asks to serve")


def rollback(task: TaskName, reason: ReasonOption, by: ByOption = None, workspace: WorkspaceOption = HERE) -> None:
    """Make the version that served before the champion again."""
    from promotion.review import rollback as go_back

    where = workspace_at(workspace)
    with telling(where):
        version, former = go_back(office(where), task, by or whoever(), reason)
    _say_champion(task, version, former)


def whoever() -> str:
    """The user of this machine, who in a container need not have a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def office(workspace: "Workspace") -> "Office":
    from promotion.review import Office

    return Office(workspace.tracking_uri, workspace.ledger_uri, workspace.signing_key)


def _say_champion(task: str, version: str, former: str) -> None:
    replaced = f", in place of version {former}" if former else ""
    out.print(
        f"{task} version {version} is now the champion{replaced}; a running 'cpfd serve' serves it once restarted"
    )
