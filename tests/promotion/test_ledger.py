"""The ledger itself: it only grows, one writer at a time, and every change by hand is found."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from processes import exit_codes, new_database
from pydantic import ValidationError
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError

from promotion.ledger.checkpoints import contradiction, sign
from promotion.ledger.database import LedgerError
from promotion.ledger.entries import Decision, Standing, broken_links, end_of, newest, standings, until
from promotion.ledger.keys import have_key, public_file
from promotion.ledger.store import append, read_ledger

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["promotion.ledger.store"])
STORY = [("requested", "1"), ("approved", "1"), ("requested", "2"), ("rejected", "2"), ("requested", "3")]
STORY += [("approved", "3")]


def decision(action: str, version: str, task: str = "topic", **changes) -> Decision:
    return Decision(task=task, action=action, version=version, by="Ada", reason="better", **changes)


def told(uri: str, story=STORY) -> list:
    for made in [decision(*each) for each in story]:
        entries = append(uri, lambda _, made=made: made)
    return entries


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return new_database(request.getfixturevalue("postgres_server"))


@contextmanager
def database(uri: str) -> Iterator[Connection]:
    engine = create_engine(uri, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_entries_are_read_as_they_were_made_and_say_what_is_so(uri):
    entries = told(uri)
    assert read_ledger(uri) == entries
    assert broken_links(entries) == []
    assert [each.number for each in entries] == [1, 2, 3, 4, 5, 6]
    assert standings(entries) == {"topic": Standing(champions=("1", "3"))}
    assert standings(entries[:3])["topic"] == Standing(champions=("1",), challenger="2")


def test_the_way_back_leads_further_each_time(uri):
    entries = told(uri, [*STORY, ("requested", "4"), ("approved", "4"), ("rolled back", "3"), ("rolled back", "1")])
    assert standings(entries)["topic"].champions == ("1",)
    assert standings(entries[:-1])["topic"].champion == "3"
    again = told(uri, [("requested", "4"), ("approved", "4")])
    assert standings(again)["topic"].champions == ("1", "4")


def test_a_task_knows_nothing_of_another(uri):
    told(uri)
    entries = append(uri, lambda _: decision("requested", "3", task="fight"))
    assert standings(entries)["fight"] == Standing(challenger="3")
    assert standings(entries)["topic"].challenger == ""


def test_who_served_at_a_time_is_known_afterwards(uri):
    entries = told(uri)
    moment = entries[3].at
    then = until(entries, moment)
    assert standings(then)["topic"].champion == "1"
    assert newest(then, "topic", "1", "approved", "rolled back") == entries[1]
    assert until(entries, entries[0].at - timedelta(seconds=1)) == []
    assert end_of("2026-03-01") == datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
    assert end_of("2026-03-01T00:00") == datetime(2026, 3, 1, tzinfo=UTC)
    assert end_of("2026-03-01T05:00+02:00") == datetime(2026, 3, 1, 3, tzinfo=UTC)


def test_what_a_decision_raises_leaves_the_ledger_as_it_was(uri):
    entries = told(uri)

    def refuse(_):
        raise LookupError("no")

    with pytest.raises(LookupError):
        append(uri, refuse)
    assert append(uri, lambda _: None) == entries


@pytest.mark.parametrize("statement", ["UPDATE promotion_ledger SET entry = '{}'", "DELETE FROM promotion_ledger"])
def test_the_table_only_grows(uri, statement):
    entries = told(uri)
    with database(uri) as connection, pytest.raises(DBAPIError, match="the ledger only grows"):
        connection.exec_driver_sql(statement)
    assert read_ledger(uri) == entries


def without_triggers(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP TRIGGER promotion_ledger_refuses ON promotion_ledger")
        return
    for name in ("update", "delete"):
        connection.exec_driver_sql(f"DROP TRIGGER promotion_ledger_refuses_{name}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE promotion_ledger SET entry = replace(entry, 'Ada', 'Eve') WHERE number = 2",
        "UPDATE promotion_ledger SET entry = 'nonsense' WHERE number = 2",
        "UPDATE promotion_ledger SET digest = substr(upper(digest), 2) || '-' WHERE number = 2",
        "UPDATE promotion_ledger SET number = 9 WHERE number = 2",
    ],
)
def test_an_entry_that_was_changed_is_named(uri, statement):
    told(uri)
    with database(uri) as connection:
        without_triggers(connection)
        connection.exec_driver_sql(statement)
    with pytest.raises(LedgerError, match=r"entry [29] of the ledger .* changed"):
        read_ledger(uri)


def test_an_entry_that_is_gone_is_missed(uri):
    told(uri)
    with database(uri) as connection:
        without_triggers(connection)
        connection.exec_driver_sql("DELETE FROM promotion_ledger WHERE number = 2")
    assert broken_links(read_ledger(uri)) == ["between entries 1 and 3 there are others missing"]
    with database(uri) as connection:
        connection.exec_driver_sql("DELETE FROM promotion_ledger WHERE number = 1")
    assert broken_links(read_ledger(uri)) == ["the ledger begins with entry 3, which is not the first that was made"]


def test_a_rewrite_that_a_chain_cannot_show_contradicts_a_checkpoint(uri, tmp_path):
    key = tmp_path / "keys" / "ledger.pem"
    have_key(key, [])
    entries = told(uri)
    checkpoint = sign(entries, key)
    assert contradiction(checkpoint, entries, key) is None
    assert contradiction(checkpoint, told(uri, [("requested", "4")]), key) is None
    assert "its end was cut off" in contradiction(checkpoint, entries[:-1], key)
    anew = told(f"sqlite:///{tmp_path / 'anew.db'}")  # the same decisions, at another time
    assert broken_links(anew) == []
    assert "the ledger was made anew" in contradiction(checkpoint, anew, key)
    assert "there is no key" in contradiction(checkpoint, entries, tmp_path / "none.pem")
    key.rename(tmp_path / "elsewhere.pem")
    assert contradiction(checkpoint, entries, key) is None, "the public half is enough"
    forged = checkpoint.model_copy(update={"entries": 1, "head": anew[0].digest})
    assert "was not signed with the key" in contradiction(forged, anew, key)


def test_the_key_is_its_owners_alone_and_stays(uri, tmp_path):
    key = tmp_path / "keys" / "ledger.pem"
    entries = told(uri)
    have_key(key, entries[:1])
    first = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    have_key(key, entries)
    assert key.read_bytes() == first
    assert set(key.parent.iterdir()) == {key, public_file(key)}
    key.write_text("nonsense")
    with pytest.raises(LedgerError, match="is no private key"):
        have_key(key, entries)
    key.unlink()
    with pytest.raises(LedgerError, match=r"ledger.pem, which signs decisions, cannot be read: No such file"):
        have_key(key, entries)


def write_some(uri: str, name: str) -> None:
    for number in range(5):
        append(uri, lambda _, version=f"{name}-{number}": decision("requested", version))


def test_writers_at_once_each_follow_another(uri):
    children = [FORKS.Process(target=write_some, args=(uri, f"writer-{number}")) for number in range(4)]
    assert exit_codes(*children) == [0] * 4
    entries = read_ledger(uri)
    assert len(entries) == 20
    assert broken_links(entries) == []


@pytest.mark.parametrize(
    "wrong", [{"by": ""}, {"reason": "x" * 2_001}, {"version": ""}, {"action": "judged"}, {"action": "promoted"}]
)
def test_a_decision_says_who_and_what(wrong):
    with pytest.raises(ValidationError):
        Decision(**{"task": "topic", "action": "approved", "version": "1", "by": "Ada", "reason": "", **wrong})


def test_a_place_that_is_no_ledger_is_named(tmp_path):
    for wrong in ("mysql://user@host/models", "nonsense"):
        with pytest.raises(LedgerError, match="must be a URL: sqlite:///FILE or postgresql"):
            read_ledger(wrong)
    with pytest.raises(LedgerError, match="127.0.0.1:1/models"):
        read_ledger("postgresql+psycopg://user@127.0.0.1:1/models")
    for uri in ("postgresql+psycopg://user:secret@host/models", "postgresql+psycopg://host/models?password=secret"):
        with pytest.raises(LedgerError, match="host/models must have no password in its URL: set PGPASSWORD") as told:
            read_ledger(uri)
        assert "secret" not in str(told.value)
    (tmp_path / "ledger.db").write_text("not a database, and long enough to be read as one" * 100)
    with pytest.raises(LedgerError, match=r"the ledger .*ledger.db is damaged: put a copy"):
        read_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
