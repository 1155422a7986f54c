"""Which versions serve and ask to, read from the tracking database itself: importing mlflow takes seconds."""

import contextlib
import sqlite3
from collections import defaultdict
from pathlib import Path

from promotion.errors import database_error


def aliases(database: Path) -> dict[str, dict[str, str]]:
    """The versions by alias of each registered model; nothing if the database is not there.

    Looking never makes, changes or locks a database.

    Raises:
        RegistryError: the file is no tracking database.
    """
    found: dict[str, dict[str, str]] = defaultdict(dict)
    if not database.is_file():
        return found
    try:
        with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT name, alias, version FROM registered_model_aliases").fetchall()
    except sqlite3.DatabaseError as error:
        raise database_error(database, str(error)) from error
    for name, alias, version in rows:
        found[name][alias] = str(version)
    return found
