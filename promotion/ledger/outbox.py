"""What is to be told of models and runs, kept in the ledger's database: with a decision, in the same transaction."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Column, Connection, Float, Integer, String, Table, Text, inspect, select

from promotion.ledger.database import METADATA, alone, connected, nothing_there

OUTBOX = Table(
    "promotion_outbox",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("at", Float, nullable=False),  # seconds after 1970
    Column("body", Text, nullable=False),
)
DELIVERIES = Table(
    "promotion_deliveries",
    METADATA,
    Column("message", String(40), primary_key=True),
    Column("destination", String(64), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("again_at", Float, nullable=True),  # null: it arrived
)


class Message(BaseModel, frozen=True, extra="forbid"):
    """Something that happened. ``body`` is sent as it is: JSON of type, timestamp and data (Standard Webhooks)."""

    id: str
    at: float
    body: str

    @property
    def content(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


def put(connection: Connection, kind: str, data: Mapping[str, Any], at: datetime) -> None:
    """Add a message, in the transaction of ``connection``."""
    body = json.dumps({"type": kind, "timestamp": at.isoformat(), "data": dict(data)}, ensure_ascii=False)
    digest = hashlib.sha256(body.encode()).hexdigest()[:32]
    connection.execute(OUTBOX.insert().values(id=f"msg_{digest}", at=at.timestamp(), body=body))


def post(uri: str, kind: str, data: Mapping[str, Any]) -> None:
    """Add a message, as of now, of what is no decision, such as how a run ended."""
    with connected(uri) as connection, alone(connection):
        METADATA.create_all(connection)
        put(connection, kind, data, datetime.now(UTC))


def waiting(uri: str, destination: str, since: float, now: float) -> list[Message]:
    """Messages of after ``since`` that are to be sent to a destination now, oldest first."""
    if nothing_there(uri):
        return []
    with connected(uri) as connection:
        if not inspect(connection).has_table(OUTBOX.name):
            return []
        tried = {row.message: row.again_at for row in _deliveries(connection, destination)}
        rows = connection.execute(select(OUTBOX).where(OUTBOX.c.at > since).order_by(OUTBOX.c.at)).mappings().all()
    due = (row for row in rows if (again := tried.get(row["id"], now)) is not None and again <= now)
    return [Message.model_validate(dict(row)) for row in due]


def attempts(uri: str, destination: str) -> dict[str, int]:
    """How often each message was tried."""
    with connected(uri) as connection:
        return {row.message: row.attempts for row in _deliveries(connection, destination)}


def note(uri: str, destination: str, message: str, attempt: int, again_at: float | None) -> None:
    """Note the ``attempt``-th attempt at a message; ``again_at`` is when to try again, None if it arrived."""
    where = (DELIVERIES.c.message == message) & (DELIVERIES.c.destination == destination)
    with connected(uri) as connection, alone(connection):
        connection.execute(DELIVERIES.delete().where(where))
        connection.execute(
            DELIVERIES.insert().values(message=message, destination=destination, attempts=attempt, again_at=again_at)
        )


def _deliveries(connection: Connection, destination: str) -> list[Any]:
    return list(connection.execute(select(DELIVERIES).where(DELIVERIES.c.destination == destination)).all())
