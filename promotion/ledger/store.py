"""Where the ledger is kept: a table of a SQLite database that only grows."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError
from sqlalchemy import DDL, Column, Connection, Integer, MetaData, String, Table, Text, create_engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError

from common.errors import UserError
from promotion.errors import database_file, describe
from promotion.ledger.entries import FIRST, Decision, Entry

METADATA = MetaData()
# Beside the entry's JSON stands what the database itself keeps unique: two writers cannot both follow one entry.
LEDGER = Table(
    "promotion_ledger",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("before", String(64), nullable=False, unique=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("entry", Text, nullable=False),
)
# Against mistakes; whoever may drop a trigger can still change the table, which the digests then tell.
for change in ("UPDATE", "DELETE"):
    event.listen(
        LEDGER,
        "after_create",
        DDL(
            f"CREATE TRIGGER promotion_ledger_refuses_{change.lower()} BEFORE {change} ON promotion_ledger "
            "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
        ),
    )
WAIT = 60  # seconds for another writer, who is done in milliseconds


class LedgerError(UserError):
    """The ledger cannot be read or written, or is not what it was. The message names the place."""


def read_ledger(uri: str) -> list[Entry]:
    """All entries, oldest first; none where there is no ledger yet.

    Raises:
        LedgerError: the database cannot be read, or an entry in it is none.
    """
    file = database_file(uri)
    if file is not None and not file.exists():  # to look should not make one
        return []
    with _connected(uri) as connection:
        return _entries(connection, uri) if inspect(connection).has_table(LEDGER.name) else []


def append(uri: str, decide: Callable[[Sequence[Entry]], Decision | None]) -> list[Entry]:
    """Add what ``decide`` makes of the entries that are there; nobody else adds any in between.

    Args:
        decide: None for nothing to add. What it raises leaves the ledger as it was.

    Returns:
        all entries, with the new one.
    """
    with _connected(uri) as connection, _alone(connection):
        METADATA.create_all(connection)
        entries = _entries(connection, uri)
        decision = decide(entries)
        if decision is None:
            return entries
        before = entries[-1].digest if entries else FIRST
        new = Entry(**decision.model_dump(), number=len(entries) + 1, at=datetime.now(UTC), before=before)
        connection.execute(LEDGER.insert().values(number=new.number, before=before, digest=new.digest, entry=new.text))
        return [*entries, new]


def _entries(connection: Connection, uri: str) -> list[Entry]:
    rows = connection.execute(LEDGER.select().order_by(LEDGER.c.number)).all()
    entries = []
    for row in rows:
        try:
            entry = Entry.model_validate(json.loads(row.entry))
        except (ValueError, ValidationError) as error:
            raise LedgerError(f"entry {row.number} of {_place(uri)} cannot be read: it was changed") from error
        if (entry.number, entry.before, entry.digest, entry.text) != (row.number, row.before, row.digest, row.entry):
            raise LedgerError(f"entry {row.number} of {_place(uri)} was changed: it is not what its digest says")
        entries.append(entry)
    return entries


@contextlib.contextmanager
def _connected(uri: str) -> Iterator[Connection]:
    if database_file(uri) is None:
        raise LedgerError(f"{_place(uri)} is no SQLite database: give one as sqlite:///FILE")
    engine = create_engine(uri, isolation_level="AUTOCOMMIT", connect_args={"timeout": WAIT})
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise LedgerError(describe(uri, str(error)).replace("tracking database", "ledger")) from error
    finally:
        engine.dispose()


@contextlib.contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """A transaction that lets no other begin one like it."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def _place(uri: str) -> str:
    return f"the ledger {uri.removeprefix('sqlite:///').rpartition('@')[2]}"
