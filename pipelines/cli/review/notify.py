"""'cpfd notify', and what other commands do of it when they end."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from common.errors import UserError
from common.settings_files import read_settings
from pipelines.cli.options import HERE, WorkspaceOption, workspace_at
from pipelines.cli.output import err, out

if TYPE_CHECKING:
    from pipelines.workspace import Workspace

SETTINGS = "notifications.yaml"


class SettingsError(UserError):
    """notifications.yaml cannot be read as it is."""


def notify(
    workspace: WorkspaceOption = HERE,
    test: Annotated[bool, typer.Option("--test", help="Add a message that says no more than that it arrived.")] = False,
) -> None:
    """Send what notifications.yaml of the workspace asks to tell, and what could not be sent before.

    Exit status: 1 if somebody was not told. Other commands do the same as they end; run this one every few minutes.
    """
    where = workspace_at(workspace)
    if not (where.folder / SETTINGS).is_file():
        raise UserError(f"there is no {where.folder / SETTINGS}: docs/reviewing.md says what it holds")
    if test:
        from promotion.ledger.outbox import post

        post(where.ledger_uri, "test", {"task": str(where.folder)})
    arrived, failed = _send(where)
    out.print(f"{arrived} sent")
    for sentence in failed:
        out.print(sentence)
    if failed:
        raise typer.Exit(1)


def tell(workspace: "Workspace") -> None:
    """Send what waits; that it cannot be sent is a warning: what was decided or run stands."""
    try:
        _, failed = _send(workspace)
    except UserError as error:
        failed = [str(error)]
    for sentence in failed:
        err.print(Text.assemble(("Warning: ", "yellow"), sentence))


@contextmanager
def telling(workspace: "Workspace") -> Iterator[None]:
    """Tell of what happens in the block, however it ends."""
    try:
        yield
    finally:
        tell(workspace)


def _send(workspace: "Workspace") -> tuple[int, list[str]]:
    """How many arrived, and a sentence for each that was not told."""
    from promotion.notifications.sending import send_waiting
    from promotion.notifications.settings import NotificationSettings

    file = workspace.folder / SETTINGS
    if not file.is_file():
        return 0, []
    settings = read_settings(file, NotificationSettings, SettingsError)
    return send_waiting(workspace.ledger_uri, settings, os.environ, time.time())
