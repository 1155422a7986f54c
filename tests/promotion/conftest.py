"""A tracking database a test, copied from one that is made once: making it takes seconds."""

from pathlib import Path

import pytest
from run_records import TASK, copy_database

from promotion.review import Office
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
