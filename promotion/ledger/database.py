"""The database of the ledger and of what is to be said of it: SQLite, or PostgreSQL on a cluster."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, MetaData, create_engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from common.errors import UserError
from promotion.errors import NOTHING_SECRET, database_file, describe, has_password, without_secrets

METADATA = MetaData()
# A transaction that lets no other begin one like it. The number of PostgreSQL's lock is any that nobody else takes.
ALONE = {"sqlite": ["BEGIN IMMEDIATE"], "postgresql": ["BEGIN", "SELECT pg_advisory_xact_lock(5290137448)"]}
DAMAGED = ("malformed", "not a database")  # what SQLite says of such a file
WAIT = 60  # seconds for another writer, who is done in milliseconds


class LedgerError(UserError):
    """The ledger cannot be read or written, or is not what it was. The message names the place."""


def nothing_there(uri: str) -> bool:
    """To look should not make a database."""
    file = database_file(uri)
    return file is not None and not file.exists()


@contextlib.contextmanager
def connected(uri: str) -> Iterator[Connection]:
    """A connection in which each statement is a transaction. Raises LedgerError."""
    if has_password(uri):
        raise LedgerError(f"{place(uri)} {NOTHING_SECRET}")
    try:
        engine = create_engine(uri, isolation_level="AUTOCOMMIT", connect_args=_patience(uri))
        if engine.dialect.name not in ALONE:
            raise ArgumentError
    except (ArgumentError, ImportError) as error:
        raise LedgerError(f"{place(uri)} must be a URL: sqlite:///FILE or postgresql+psycopg://HOST/NAME") from error
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        if any(word in str(error) for word in DAMAGED):
            raise LedgerError(
                f"{place(uri)} is damaged: put a copy that you kept in its place; nothing else knows what was approved"
            ) from error
        raise LedgerError(describe(uri, str(error)).replace("tracking database", "ledger")) from error
    finally:
        engine.dispose()


def _patience(uri: str) -> dict[str, object]:
    """Both databases let a writer wait for another: how long, in their own words."""
    return {"timeout": WAIT} if database_file(uri) else {"options": f"-c lock_timeout={WAIT}s"}


@contextlib.contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """A transaction that lets no other begin one like it."""
    for statement in ALONE[connection.dialect.name]:
        connection.exec_driver_sql(statement)
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def place(uri: str) -> str:
    return f"the ledger {without_secrets(uri.removeprefix('sqlite:///'))}"
