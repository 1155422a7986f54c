"""Runs and aliases at a glance, as plain data, read from the SQLite database itself: importing mlflow takes seconds."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from promotion.errors import database_error

# Runs of a task, newest first, without nested ones.
RUNS = """
SELECT r.run_uuid, r.name, r.status, r.start_time, r.end_time
FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id
WHERE e.name = ? AND r.lifecycle_stage = 'active'
  AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'mlflow.parentRunId')
  AND r.name = coalesce(?, r.name)
ORDER BY r.start_time DESC LIMIT ?
"""
TAGS = "SELECT key, value FROM tags WHERE run_uuid = ?"
METRICS = "SELECT key, value FROM latest_metrics WHERE run_uuid = ? AND NOT is_nan"
ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"


@dataclass(frozen=True)
class RunSummary:
    """One run of a task: what ``json.dumps(dataclasses.asdict(summary))`` says of it.

    ``started`` is ISO 8601 in UTC. ``seconds`` is how long it took, so far if it is running. ``status`` is running,
    finished, failed or killed; ``reason`` why it failed or was killed. ``verdict`` is passed, not passed or '' (it
    never got there), ``version`` the model version that it made or found, or ''.
    """

    name: str
    started: str
    seconds: float
    status: str
    reason: str
    verdict: str
    metrics: dict[str, float]
    version: str


@dataclass(frozen=True)
class TaskStatus:
    """A task's newest runs, newest first, and which versions serve and ask to."""

    task: str
    runs: list[RunSummary]
    champion: str | None
    challenger: str | None


def task_summary(database: Path, task: str, newest: int = 5) -> TaskStatus:
    """What a tracking database holds of a task; nothing if it is not there.

    Raises:
        RegistryError: the file is no tracking database.
    """
    if not database.is_file():
        return TaskStatus(task, [], None, None)
    with _reading(database) as connection:
        runs = [_summary(connection, *row) for row in connection.execute(RUNS, (task, None, newest)).fetchall()]
        aliases = dict(connection.execute(ALIASES, (task,)).fetchall())
    versions = {alias: None if version is None else str(version) for alias, version in aliases.items()}
    return TaskStatus(task, runs, versions.get("champion"), versions.get("challenger"))


def run_summary(database: Path, task: str, name: str) -> RunSummary | None:
    """One run of a task by its name; None if there is none. Raises RegistryError as ``task_summary``."""
    if not database.is_file():
        return None
    with _reading(database) as connection:
        rows = connection.execute(RUNS, (task, name, 1)).fetchall()
        return _summary(connection, *rows[0]) if rows else None


@contextlib.contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Read only: looking never makes, changes or locks a database."""
    try:
        with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise database_error(database, str(error)) from error


def _summary(
    connection: sqlite3.Connection, run_id: str, name: str, status: str, started: int, ended: int | None
) -> RunSummary:
    tags = dict(connection.execute(TAGS, (run_id,)).fetchall())
    until = ended or int(time.time() * 1000)
    return RunSummary(
        name=name,
        started=datetime.fromtimestamp(started / 1000, UTC).isoformat(timespec="seconds"),
        seconds=(until - started) / 1000,
        status=status.lower(),
        reason=tags.get("reason", ""),
        verdict=tags.get("verdict", ""),
        metrics=dict(connection.execute(METRICS, (run_id,)).fetchall()),
        version=tags.get("version", ""),
    )
