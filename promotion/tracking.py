"""MLflow's side of things: its database made whole or not at all, its experiments, its errors as sentences."""

import contextlib
import functools
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

# Before mlflow is imported: otherwise it writes a telemetry file into the user's home.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine
from sqlalchemy.exc import SQLAlchemyError

from common.files import locked, whole
from promotion.errors import RegistryError, database_file, describe, describe_os_error

# It prints the traceback of every error of the database, of which we make a sentence.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

Given = ParamSpec("Given")
Found = TypeVar("Found")
# Codes of MLflow for a call that is wrong in itself: a fault of this program, which keeps its traceback.
OUR_FAULTS = {"INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "ENDPOINT_NOT_FOUND"}
CUSTOM_KIND = {"mlflow.experimentKind": "custom_model_development"}  # which pages MLflow's own interface shows


def in_sentences(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """Make RegistryErrors of what MLflow, SQLAlchemy and the disk raise.

    In a function whose first argument is a tracking URI, or has one.
    """

    @functools.wraps(function)
    def wrapped(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        first = kwargs.get("tracking_uri", args[0] if args else "")
        with _sentences(str(getattr(first, "tracking_uri", first))):
            return function(*args, **kwargs)

    return wrapped


@contextlib.contextmanager
def _sentences(tracking_uri: str) -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        if error.error_code in OUR_FAULTS or "IntegrityError" in str(error):
            raise
        raise RegistryError(describe(tracking_uri, str(error))) from error
    except (SQLAlchemyError, sqlite3.Error, requests.RequestException) as error:
        raise RegistryError(describe(tracking_uri, str(error))) from error
    except OSError as error:
        sentence = describe_os_error(tracking_uri, error)
        if sentence is None:
            raise
        raise RegistryError(sentence) from error


@in_sentences
def prepare(tracking_uri: str, artifacts: str, task: str) -> None:
    """Create the database and the task's experiment: concurrent first uses of a new database crash.

    Raises:
        RegistryError: the disk is full, the database is damaged, or the server does not answer.
    """
    client = connect(tracking_uri)
    database = database_file(tracking_uri)
    with contextlib.nullcontext() if database is None else _alone(database):
        if client.get_experiment_by_name(task) is None:
            # A server keeps artifacts where it was told to.
            place = None if tracking_uri.startswith("http") else f"{artifacts}/{task}"
            client.create_experiment(task, artifact_location=place, tags=CUSTOM_KIND)


@contextlib.contextmanager
def _alone(database: Path) -> Iterator[None]:
    database.parent.mkdir(parents=True, exist_ok=True)
    with locked(database.with_name(f".{database.name}.lock")):
        yield


def _create(database: Path) -> None:
    """Under another name first: a disk that fills up on the way leaves nothing that looks like a database."""
    with whole(database) as partial:
        engine = create_sqlalchemy_engine(f"sqlite:///{partial}")
        try:
            _initialize_tables(engine)
        finally:
            engine.dispose()


def experiment_id(client: MlflowClient, task: str) -> str:
    """The id of a task's experiment, which is made if there is none (on a cluster nobody prepares)."""
    found = client.get_experiment_by_name(task)
    if found is not None:
        return str(found.experiment_id)
    with contextlib.suppress(MlflowException):  # another process made it in between
        return str(client.create_experiment(task, tags=CUSTOM_KIND))
    return str(client.get_experiment_by_name(task).experiment_id)


def connect(tracking_uri: str) -> MlflowClient:
    """A client; what MLflow does by itself (downloads, references to models) follows the same URI.

    A SQLite database that is not there yet is made here, whole, and not by MLflow.
    """
    database = database_file(tracking_uri)
    if database is not None and not database.exists():
        with _alone(database):
            if not database.exists():  # another process made it while this one waited
                _create(database)
                MlflowClient(tracking_uri).get_experiment("0")  # the first to look makes it: one process does
    mlflow.set_tracking_uri(tracking_uri)
    return MlflowClient(tracking_uri)


def nothing_there(tracking_uri: str) -> bool:
    """Whether nothing was ever recorded: asking should not make a database."""
    database = database_file(tracking_uri)
    return database is not None and not database.exists()
