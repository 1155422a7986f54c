"""Claims on windows, on SQLite and on PostgreSQL: one run has a window, and those before it come first."""

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from processes import exit_codes, new_database

from common.errors import BusyError
from pipelines.catching_up import catch_up
from promotion.ledger.claims import MOST_ATTEMPTS, GaveWay, claim, read_claims, release, settle

TASK = "low_quality"
ONE, TWO, THREE = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def uri(request, tmp_path) -> str:
    if request.param == "SQLite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return new_database(request.getfixturevalue("postgres_server"))


def test_one_run_has_a_window_until_it_fails(uri):
    assert read_claims(uri, TASK) == {}
    claim(uri, TASK, ONE, "a")
    claim(uri, TASK, ONE, "a")  # its step was repeated
    with pytest.raises(GaveWay, match="the window of low_quality to 2026-01-01 00:00 is being trained by the run a"):
        claim(uri, TASK, ONE, "b")
    claim(uri, "topic", ONE, "b")
    assert settle(uri, TASK, "a", done=False)
    claim(uri, TASK, ONE, "b")
    assert not settle(uri, TASK, "a", done=True)  # it holds nothing any more
    assert settle(uri, TASK, "b", done=True)
    with pytest.raises(GaveWay, match="was trained by the run b"):
        claim(uri, TASK, ONE, "a")
    assert read_claims(uri, TASK)[ONE].attempts == 2


def test_a_run_that_is_retried_may_yet_succeed_and_a_person_may_free_a_window(uri):
    claim(uri, TASK, ONE, "a")
    settle(uri, TASK, "a", done=False)
    assert settle(uri, TASK, "a", done=True)
    assert release(uri, TASK, ONE) == ""  # it was trained
    claim(uri, TASK, TWO, "gone")
    assert release(uri, TASK, TWO) == "gone"
    assert list(read_claims(uri, TASK)) == [ONE]


def test_windows_before_come_first_until_they_failed_too_often(uri):
    for attempt in range(MOST_ATTEMPTS):
        with pytest.raises(GaveWay, match="1 older windows of low_quality come before .* 'cpfd catchup low_quality'"):
            claim(uri, TASK, TWO, "b", before=[ONE])
        claim(uri, TASK, ONE, f"a{attempt}")
        with pytest.raises(GaveWay, match="1 older windows"):
            claim(uri, TASK, TWO, "b", before=[ONE])
        settle(uri, TASK, f"a{attempt}", done=False)
    claim(uri, TASK, TWO, "b", before=[ONE])


def test_what_nobody_trained_is_trained_oldest_first_and_a_dead_run_holds_nothing(uri):
    claim(uri, TASK, TWO, "dead")
    trained = []

    def train(window: datetime) -> None:
        claim(uri, TASK, window, f"run {len(trained)}")
        if len(trained) == 2:
            settle(uri, TASK, "run 2", done=False)
            raise RuntimeError("a node was lost")
        trained.append(window)
        settle(uri, TASK, f"run {len(trained) - 1}", done=True)

    with pytest.raises(RuntimeError):
        list(catch_up(uri, TASK, [THREE, ONE, TWO], lambda _: False, train))
    assert trained == [ONE, TWO]
    claim(uri, TASK, THREE, "alive")
    with pytest.raises(BusyError, match="to 2026-03-01 00:00 is being trained by alive"):
        list(catch_up(uri, TASK, [ONE, TWO, THREE], lambda run: run == "alive", train))
    settle(uri, TASK, "alive", done=True)
    assert list(catch_up(uri, TASK, [ONE, TWO, THREE], lambda _: False, train)) == []


def take(uri: str, holder: str, folder: Path) -> None:
    try:
        claim(uri, TASK, ONE, holder)
    except GaveWay:
        return
    (folder / holder).touch()


def test_of_many_that_claim_at_once_one_wins(uri, tmp_path):
    claim(uri, TASK, TWO, "first")  # makes the tables
    (tmp_path / "won").mkdir()
    spawn = multiprocessing.get_context("spawn")
    children = [spawn.Process(target=take, args=(uri, f"run-{n}", tmp_path / "won")) for n in range(6)]
    assert exit_codes(*children) == [0] * 6
    (won,) = (tmp_path / "won").iterdir()
    assert read_claims(uri, TASK)[ONE].holder == won.name
