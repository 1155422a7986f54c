"""'cpfd ledger': who decided what about which model, when and why; and whether nobody changed the record."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from common.errors import UserError
from pipelines.cli.options import HERE, JsonOption, WorkspaceOption, workspace_at
from pipelines.cli.output import out
from pipelines.cli.review.decisions import office

if TYPE_CHECKING:
    from promotion.ledger.entries import Entry

CANDIDATE = 8  # digits of a candidate that has no version: enough to tell a few apart
ledger_app = typer.Typer(help="The record of what was decided about models.", no_args_is_help=True)


@ledger_app.command()
def show(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="Default: all.")] = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the decisions, oldest first."""
    from promotion.ledger.store import read_ledger

    entries = [each for each in read_ledger(workspace_at(workspace).ledger_uri) if task in (None, each.task)]
    if as_json:
        out.print(json.dumps([each.model_dump(mode="json") for each in entries]))
    elif not entries:
        out.print("Nothing has been decided here yet: a student that passes asks to serve")
    else:
        out.print(_table(entries))


@ledger_app.command()
def at(
    moment: Annotated[str, typer.Argument(metavar="DATE", help="A day (its end) or a time, in UTC.")],
    workspace: WorkspaceOption = HERE,
) -> None:
    """Say which version of each task served at a time, and who had approved it."""
    from promotion.ledger.entries import end_of, newest, standings, until
    from promotion.ledger.store import read_ledger

    try:
        end = end_of(moment)
    except ValueError as error:
        raise UserError(f"{moment} is no day and no time: write it as 2026-11-01 or 2026-11-01T15:30") from error
    entries = until(read_ledger(workspace_at(workspace).ledger_uri), end)
    champions = {task: now.champion for task, now in standings(entries).items() if now.champion}
    if not champions:
        out.print("No version of any task served then")
    for task, version in champions.items():
        approved = newest(entries, task, version, "approved")
        since = newest(entries, task, version, "approved", "rolled back")
        assert approved is not None  # noqa: S101 - who serves was approved
        assert since is not None  # noqa: S101
        back = f" (rolled back by {since.by})" if since.action == "rolled back" else ""
        out.print(f"{task} version {version}, since {_time(since.at)}{back}, approved by {approved.by}")


@ledger_app.command()
def verify(workspace: WorkspaceOption = HERE) -> None:
    """Look for changes by hand of the ledger and of what was signed; it ends with 1 if there is one."""
    from promotion.ledger.projection import verify as find_changes

    where = office(workspace_at(workspace))
    entries, vouched, found = find_changes(where.tracking_uri, where.ledger_uri, where.key)
    for sentence in found:
        out.print(sentence)
    if found:
        raise typer.Exit(1)
    out.print(f"The chain of {len(entries)} entries is whole; signatures outside vouch for the first {vouched}")


@ledger_app.command()
def repair(workspace: WorkspaceOption = HERE) -> None:
    """Set MLflow's aliases to what the ledger says, as a promotion that was interrupted would have.

    A champion that was approved before archives were signed is signed.
    """
    from promotion.ledger.projection import repair as set_aliases
    from promotion.ledger.projection import seal_champions

    where = office(workspace_at(workspace))
    found = set_aliases(where.tracking_uri, where.ledger_uri)
    found += seal_champions(where.tracking_uri, where.ledger_uri, where.key)
    for sentence in found or ["MLflow's aliases are what the ledger says"]:
        out.print(sentence)


def _table(entries: Sequence["Entry"]) -> Table:
    table = Table("", "when (UTC)", "task", "version", "", "by", "why", box=None)
    for each in entries:
        how = "judged against" if each.action == "requested" else "for"
        action = f"{each.action}, {how} version {each.former}" if each.former else each.action
        table.add_row(
            str(each.number),
            _time(each.at),
            each.task,
            each.version or each.candidate[:CANDIDATE],
            action,
            each.by,
            each.reason,
        )
    return table


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
