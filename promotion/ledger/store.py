"""Where the ledger is kept: a table that only grows, of a SQLite or PostgreSQL database."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError
from sqlalchemy import DDL, Column, Connection, Integer, String, Table, Text, event, inspect

from promotion.ledger.database import METADATA, LedgerError, alone, connected, nothing_there, place
from promotion.ledger.entries import FIRST, Decision, Entry
from promotion.ledger.outbox import put

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
ONLY_GROWS = {
    "sqlite": [
        f"CREATE TRIGGER promotion_ledger_refuses_{change.lower()} BEFORE {change} ON promotion_ledger "
        "BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION promotion_ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger only grows'; END $$",
        "CREATE TRIGGER promotion_ledger_refuses BEFORE UPDATE OR DELETE OR TRUNCATE ON promotion_ledger "
        "FOR EACH STATEMENT EXECUTE FUNCTION promotion_ledger_refuses()",
    ],
}
for database, statements in ONLY_GROWS.items():
    for statement in statements:
        event.listen(LEDGER, "after_create", DDL(statement).execute_if(dialect=database))


def read_ledger(uri: str) -> list[Entry]:
    """All entries, oldest first; none where there is no ledger yet.

    Raises:
        LedgerError: the database cannot be read, or an entry in it is none.
    """
    if nothing_there(uri):
        return []
    with connected(uri) as connection:
        return _entries(connection, uri) if inspect(connection).has_table(LEDGER.name) else []


def append(uri: str, decide: Callable[[Sequence[Entry]], Decision | None]) -> list[Entry]:
    """Add what ``decide`` makes of the entries that are there; nobody else adds any in between.

    Args:
        decide: None for nothing to add. What it raises leaves the ledger as it was.

    Returns:
        all entries, with the new one.
    """
    with connected(uri) as connection, alone(connection):
        METADATA.create_all(connection)
        entries = _entries(connection, uri)
        decision = decide(entries)
        if decision is None:
            return entries
        before = entries[-1].digest if entries else FIRST
        new = Entry(**decision.model_dump(), number=len(entries) + 1, at=datetime.now(UTC), before=before)
        connection.execute(LEDGER.insert().values(number=new.number, before=before, digest=new.digest, entry=new.text))
        if new.action != "judged":  # a candidate's verdict is told by its run
            put(connection, f"model.{new.action.replace(' ', '_')}", new.model_dump(mode="json"), new.at)
        return [*entries, new]


@contextlib.contextmanager
def standing_still(uri: str) -> Iterator[list[Entry]]:
    """All entries, while nobody adds any: for what must not be overtaken by a later decision."""
    if nothing_there(uri):
        yield []
        return
    with connected(uri) as connection, alone(connection):
        yield _entries(connection, uri) if inspect(connection).has_table(LEDGER.name) else []


def _entries(connection: Connection, uri: str) -> list[Entry]:
    rows = connection.execute(LEDGER.select().order_by(LEDGER.c.number)).all()
    entries = []
    for row in rows:
        try:
            entry = Entry.model_validate(json.loads(row.entry))
        except (ValueError, ValidationError) as error:
            raise LedgerError(f"entry {row.number} of {place(uri)} cannot be read: it was changed") from error
        if (entry.number, entry.before, entry.digest, entry.text) != (row.number, row.before, row.digest, row.entry):
            raise LedgerError(f"entry {row.number} of {place(uri)} was changed: it is not what its digest says")
        entries.append(entry)
    return entries
