"""A workspace that was moved or copied: noticed before it reads or serves from its former place, and adopted."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from common.errors import UserError
from common.files import remove, whole
from common.sql import literal, quote

PLACE_FILE = "workspace.json"


class WorkspaceMoved(UserError):  # noqa: N818 - what happened to the workspace
    """The workspace says that it is somewhere else; the message names both places and the way out."""


def claim_place(folder: Path) -> None:
    """Make a workspace that is written to remember where it is. Raises WorkspaceMoved."""
    require_own_place(folder)
    if not (folder / PLACE_FILE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write_place(folder)


def require_own_place(folder: Path) -> None:
    """Raise WorkspaceMoved if the workspace was made at another place. Looking changes nothing."""
    file = folder / PLACE_FILE
    if not file.is_file():
        return
    former = json.loads(file.read_text())["path"]
    if former != str(folder):
        raise WorkspaceMoved(
            f"the workspace {folder} was moved or copied from {former}, and its records still point there: "
            f"'cpfd adopt --workspace {folder}' makes them point here, and leaves {former} as it is"
        )


def adopt(folder: Path) -> str | None:
    """Make a moved or copied workspace's records point to where it is. Returns its former place, None if unmoved.

    The tracking database is changed as a whole or not at all. The step cache and Feast's registry hold absolute paths
    in digests and follow from what is there, so they are made anew by the next run.
    """
    file = folder / PLACE_FILE
    former = json.loads(file.read_text())["path"] if file.is_file() else str(folder)
    if former == str(folder):
        return None
    if (folder / "mlflow.db").is_file():
        _move_uris(folder / "mlflow.db", Path(former).as_uri(), folder.as_uri())
    for derived in ("cache", "feast", "server.json", "serving", "archives"):
        remove(folder / derived)
    _write_place(folder)
    return former


def _write_place(folder: Path) -> None:
    with whole(folder / PLACE_FILE) as partial:
        partial.write_text(json.dumps({"path": str(folder)}))


def _move_uris(database: Path, former: str, now: str) -> None:
    """Every text of every table that begins with a URI below ``former`` begins with the one below ``now``."""
    begins = f"{former}/"
    with closing(sqlite3.connect(database)) as connection, connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in connection.execute(f"PRAGMA table_info({quote(table)})").fetchall():
                name = quote(column[1])
                connection.execute(
                    f"UPDATE {quote(table)} SET {name} = {literal(now)} || substr({name}, {len(former) + 1}) "  # noqa: S608
                    f"WHERE typeof({name}) = 'text' AND substr({name}, 1, {len(begins)}) = {literal(begins)}"
                )
