"""A tracking database a test, copied from one that is made once: making it takes seconds."""

from pathlib import Path

import pytest
from run_records import TASK, copy_database, nominated

from promotion.review import Office, approve, reject
from promotion.tracking import prepare


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracking")
    prepare(f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri(), "another_task")
    return folder / "mlflow.db"


@pytest.fixture
def tracking_uri(empty_database: Path, tmp_path: Path) -> str:
    """The task's experiment is there, and empty."""
    uri = copy_database(empty_database, tmp_path)
    prepare(uri, (tmp_path / "artifacts").as_uri(), TASK)
    return uri


@pytest.fixture
def office(tracking_uri: str, tmp_path: Path) -> Office:
    return Office(tracking_uri, f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "keys" / "ledger.pem")


@pytest.fixture
def three(office, tmp_path) -> Office:
    """Version 1 is the champion, version 2 was rejected, version 3 asks to serve."""
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "first")
    approve(office, TASK, "1", "Ada", "the first")
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "two", "second", seed=8)
    reject(office, TASK, "2", "Ada", "its texts are odd")
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "three", "third", seed=9)
    return office
