"""A full disk, a damaged database and a server that is not there: a sentence, and nothing half made is kept."""

import errno
import multiprocessing
import os
import resource
import sqlite3
import stat
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from processes import exit_codes
from run_records import TASK, Tracked, record

from promotion.errors import RegistryError
from promotion.ledger.projection import repair, verify
from promotion.records import record_run
from promotion.registry import champions
from promotion.review import Office, approve, standing
from promotion.runs import begin_run
from promotion.tracking import prepare

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["promotion.records", "run_records"])


def prepare_within(folder: Path, limit: int, said) -> None:
    """In a process of its own: prepare with files of at most ``limit`` bytes, then without a limit."""
    uri, artifacts = f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        prepare(uri, artifacts, TASK)
        said.put("")
    except RegistryError as error:
        said.put(str(error))
    left = sorted(path.name for path in folder.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    prepare(uri, artifacts, TASK)
    said.put(left)


@pytest.mark.parametrize("limit", [0, 50_000, 400_000])
def test_a_disk_that_fills_up_while_the_database_is_made_leaves_none_and_the_next_try_works(tmp_path, limit):
    said = FORKS.Queue()
    child = FORKS.Process(target=prepare_within, args=(tmp_path, limit, said))
    child.start()
    sentence, left = said.get(timeout=60), said.get(timeout=60)
    child.join(60)
    assert sentence.startswith(f"the disk that holds the tracking database {tmp_path}")
    assert "make room and try again" in sentence
    assert "Background on" not in sentence
    assert left == [".mlflow.db.lock"]
    assert Tracked(f"sqlite:///{tmp_path / 'mlflow.db'}").runs() == []


def test_a_disk_that_is_full_while_a_run_is_recorded_is_named(tracking_uri, tmp_path, monkeypatch):
    prepared = record(tmp_path, "run")

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/a/disk/evidence")

    monkeypatch.setattr("promotion.records.shutil.copyfile", no_room)
    with pytest.raises(RegistryError, match="the disk that holds /a/disk/evidence is full"):
        record_run(tracking_uri, prepared)


@pytest.mark.parametrize("what", ["text", "half", "cut"])
def test_a_damaged_database_is_named_at_once_with_a_way_out(empty_database, tmp_path, what):
    path = tmp_path / "mlflow.db"
    if what == "text":
        path.write_text("not a database at all " * 100)
    elif what == "half":
        sqlite3.connect(path).execute("CREATE TABLE experiments (name TEXT)").connection.close()
    else:
        whole = empty_database.read_bytes()
        path.write_bytes(whole[:4096] + b"\0" * (len(whole) - 4096))
    with pytest.raises(RegistryError, match=f"the tracking database {path} is damaged.*move it away"):
        prepare(f"sqlite:///{path}", tmp_path.as_uri(), TASK)


def test_a_database_whose_making_was_stopped_by_an_older_program_is_damaged(empty_database, tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_bytes(empty_database.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE registered_models")
        connection.execute("UPDATE alembic_version SET version_num = '0a8213491aaa'")
    with pytest.raises(RegistryError, match=f"the tracking database {path} is damaged") as found:
        prepare(f"sqlite:///{path}", tmp_path.as_uri(), TASK)
    assert "Background on" not in str(found.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_may_not_be_written_is_named(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(RegistryError, match="cannot be"):
        prepare(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path.as_uri(), TASK)


@pytest.mark.parametrize(
    "call",
    [
        lambda uri: prepare(uri, "s3://artifacts", TASK),
        lambda uri: begin_run(uri, TASK, "run", {}),
        champions,
    ],
    ids=["prepare", "begin_run", "champions"],
)
def test_a_server_that_does_not_answer_is_named(monkeypatch, call):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = "http://127.0.0.1:9"  # the discard port, where nothing listens
    with pytest.raises(RegistryError, match=f"the tracking server at {uri} does not answer"):
        call(uri)


def test_a_fault_of_this_program_keeps_its_own_exception(tracking_uri, tmp_path):
    with pytest.raises(MlflowException, match="Invalid"):
        record_run(tracking_uri, record(tmp_path, "run", settings={"no such name?": 1}))
    assert Tracked(tracking_uri).running() == []


def test_asking_what_serves_makes_no_database(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert champions(uri) == {}
    office = Office(uri, f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "ledger.pem")
    with pytest.raises(RegistryError, match="has no version"):
        approve(office, TASK, "1", "reviewer", "better")
    assert repair(uri, office.ledger_uri) == []
    assert verify(uri, office.ledger_uri, office.key) == ([], 0, [])
    assert standing(office.ledger_uri, TASK).champion == ""
    assert list(tmp_path.iterdir()) == []


def start(uri: str, name: str) -> None:
    begin_run(uri, TASK, name, {})


def test_processes_that_start_at_once_on_a_new_workspace_make_one_database(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    children = [FORKS.Process(target=start, args=(uri, f"run-{number}")) for number in range(4)]
    assert exit_codes(*children) == [0] * 4
    assert sorted(Tracked(uri).running()) == [f"run-{number}" for number in range(4)]
