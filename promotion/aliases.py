"""Which versions serve and ask to, read from the tracking database's file itself: importing mlflow takes seconds."""

import contextlib
import sqlite3
from collections import defaultdict

from promotion.errors import database_error, database_file


def aliases(tracking_uri: str) -> dict[str, dict[str, str]]:
    """The versions by alias of each registered model; nothing if the database is not there.

    Looking never makes, changes or locks a database.

    Raises:
        RegistryError: the file is no tracking database, or a server or another database does not answer.
    """
    database = database_file(tracking_uri)
    if database is None:
        return _asked(tracking_uri)
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


def _asked(tracking_uri: str) -> dict[str, dict[str, str]]:
    from promotion.tracking import connect, in_sentences

    models = in_sentences(lambda uri: connect(uri).search_registered_models())(tracking_uri)
    return {each.name: {alias: str(version) for alias, version in each.aliases.items()} for each in models}
