"""What a reviewer may do, that the ledger and MLflow agree afterwards, and what is refused."""

import multiprocessing
import os
import signal
import sqlite3
from contextlib import closing

import pytest
from processes import exit_codes
from run_records import TASK, Tracked, copy_database, digest_of, nominated

from promotion.errors import RegistryError
from promotion.ledger.database import LedgerError
from promotion.ledger.entries import Standing
from promotion.ledger.projection import CHECKPOINT, repair, verify
from promotion.ledger.store import read_ledger
from promotion.registry import CHALLENGER, CHAMPION, by_alias
from promotion.review import Office, approve, reject, rollback, standing
from promotion.tracking import prepare
from serving.archive import ArchiveError

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["promotion.review", "run_records"])


def aliases(office: Office) -> tuple[str | None, str | None]:
    """The versions that MLflow's aliases champion and challenger name."""
    held = (by_alias(Tracked(office.tracking_uri).client, TASK, alias) for alias in (CHAMPION, CHALLENGER))
    first, second = (None if each is None else str(each.version) for each in held)
    return first, second


def test_approve_reject_and_go_back(three):
    assert aliases(three) == ("1", "3")
    assert approve(three, TASK, "3", "Ada", "better on texts") == ("3", "1")
    assert aliases(three) == ("3", None)
    assert rollback(three, TASK, "Bo", "complaints") == ("1", "3")
    assert aliases(three) == ("1", None)
    last = read_ledger(three.ledger_uri)[-1]
    assert (last.action, last.version, last.former, last.by, last.reason) == (
        "rolled back",
        "1",
        "3",
        "Bo",
        "complaints",
    )
    entries, vouched, found = verify(three.tracking_uri, three.ledger_uri, three.key)
    assert (len(entries), vouched, found) == (7, 7, [])


def test_an_entry_names_what_was_decided_on(three):
    approve(three, TASK, "3", "Ada", "better")
    entry = read_ledger(three.ledger_uri)[-1]
    tags = Tracked(three.tracking_uri).versions()[2].tags
    assert entry.archive == digest_of("third") == tags["archive_sha256"]
    assert entry.evidence == tags["evidence_sha256"]
    assert entry.rows == tags["evaluation_rows_sha256"]
    assert len({entry.archive, entry.evidence, entry.rows}) == 3


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda at: approve(at, TASK, "9", "Ada", ""), "has no version 9: there are 1, 2, 3"),
        (lambda at: approve(at, TASK, "1", "Ada", ""), "version 1 is the champion already"),
        (lambda at: approve(at, "topic", "1", "Ada", ""), "topic has no version: run 'cpfd run topic'"),
        (lambda at: approve(at, "o'x", "1", "Ada", ""), "o'x has no version"),
        (lambda at: approve(at, TASK, "2", "Ada", ""), f"Ada rejected {TASK} version 2: run it again"),
        (lambda at: approve(at, TASK, "3", "Ada", "x" * 2_001), "'reason' cannot be kept: String should have at most"),
        (lambda at: approve(at, TASK, "3", " ", "x"), "'by' cannot be kept"),
        (lambda at: reject(at, TASK, "2", "Ada", ""), "version 2 does not ask to serve: version 3 does"),
        (lambda at: rollback(at, TASK, "Ada", ""), f"no version of {TASK} served before 1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(three, act, told):
    before = read_ledger(three.ledger_uri)
    with pytest.raises(RegistryError, match=told):
        act(three)
    assert read_ledger(three.ledger_uri) == before
    assert aliases(three) == ("1", "3")


def test_an_archive_that_was_changed_is_not_approved(three, tmp_path):
    (stored,) = (each for each in (tmp_path / "artifacts").rglob("*.mar") if each.read_text() == "third")
    stored.write_text("another")
    with pytest.raises(ArchiveError, match="its digest differs"):
        approve(three, TASK, "3", "Ada", "better")
    Tracked(three.tracking_uri).client.set_model_version_tag(TASK, "3", "archive_sha256", digest_of("another"))
    with pytest.raises(RegistryError, match="is not the one that asked to serve"):
        approve(three, TASK, "3", "Ada", "better")
    assert aliases(three) == ("1", "3")


def test_a_task_can_want_another_person_to_approve(office, tmp_path):
    settings = {"task": TASK, "gate": {"approver": "another"}}
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "first", settings=settings)
    asked = read_ledger(office.ledger_uri)[0].by
    with pytest.raises(RegistryError, match=f"{asked} asked for .*: this task wants another person to approve"):
        approve(office, TASK, "1", asked, "mine")
    assert approve(office, TASK, "1", f"not {asked}", "better") == ("1", "")


def test_another_model_of_the_same_number_is_not_what_was_approved(three, empty_database, tmp_path):
    """The tracking database was lost, and a new one counts versions from 1 again."""
    uri = copy_database(empty_database, tmp_path / "anew")
    prepare(uri, (tmp_path / "anew" / "artifacts").as_uri(), TASK)
    now = nominated(uri, three.ledger_uri, tmp_path / "anew", "other", "another student", seed=5)
    anew = Office(uri, three.ledger_uri, three.key)
    assert (now.champion, now.challenger) == ("1", "1")
    assert aliases(anew) == (None, "1")
    assert f"version 1, the champion of {TASK}, is not in MLflow as the ledger knows it" in repair(
        uri, three.ledger_uri
    )
    approve(anew, TASK, "1", "Ada", "the new first")
    assert aliases(anew) == ("1", None)


def test_a_champion_that_was_packed_again_serves_once_it_is_approved_again(three, tmp_path):
    (stored,) = (each for each in (tmp_path / "artifacts").rglob("*.mar") if each.read_text() == "first")
    stored.unlink()
    nominated(three.tracking_uri, three.ledger_uri, tmp_path, "again", "first, packed later")
    assert aliases(three) == (None, "1")
    assert approve(three, TASK, "1", "Ada", "the same student") == ("1", "1")
    assert aliases(three) == ("1", None)


def test_what_nobody_approved_serves_nowhere(three, tmp_path):
    (tmp_path / "ledger.db").rename(tmp_path / "moved.db")
    assert repair(three.tracking_uri, three.ledger_uri) == [
        f"the champion of {TASK} was 1 and is none",
        f"the challenger of {TASK} was 3 and is none",
    ]


def test_a_key_that_is_gone_stops_a_decision_before_it_is_made(three):
    before = read_ledger(three.ledger_uri)
    three.key.unlink()
    with pytest.raises(LedgerError, match="which signs decisions, cannot be read"):
        approve(three, TASK, "3", "Ada", "better")
    assert read_ledger(three.ledger_uri) == before
    assert aliases(three) == ("1", "3")


def approve_or_say(office: Office, by: str, results) -> None:
    try:
        results.put(approve(office, TASK, "3", by, "better"))
    except RegistryError as error:
        results.put(str(error))


def test_of_two_who_approve_at_once_one_does_and_the_other_is_told(three):
    results = FORKS.Queue()
    children = [FORKS.Process(target=approve_or_say, args=(three, by, results)) for by in ("Ada", "Bo")]
    for child in children:
        child.start()
    found = [results.get(timeout=100) for _ in children]
    for child in children:
        child.join(100)
    assert ("3", "1") in found
    assert f"{TASK} version 3 is the champion already" in found
    assert [each.action for each in read_ledger(three.ledger_uri)].count("approved") == 2


def approve_and_die(office: Office, name: str) -> None:
    """Die before the named call to MLflow, which is about an alias or notes the checkpoint."""
    from mlflow import MlflowClient

    call = getattr(MlflowClient, name)

    def calling(*given: object, **named: object) -> object:
        if "alias" in name or CHECKPOINT in given:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **named)

    setattr(MlflowClient, name, calling)
    approve(office, TASK, "3", "Ada", "better")


@pytest.mark.parametrize(
    "call", ["set_registered_model_alias", "delete_registered_model_alias", "set_model_version_tag"]
)
def test_a_promotion_that_is_killed_after_it_was_written_is_repaired(three, call):
    child = FORKS.Process(target=approve_and_die, args=(three, call))
    assert exit_codes(child) == [-signal.SIGKILL]
    assert standing(three.ledger_uri, TASK) == Standing(champions=("1", "3"))
    repair(three.tracking_uri, three.ledger_uri)
    assert aliases(three) == ("3", None)
    assert repair(three.tracking_uri, three.ledger_uri) == []
    assert verify(three.tracking_uri, three.ledger_uri, three.key)[2] == []


def test_an_alias_that_was_moved_by_hand_is_set_back(three):
    Tracked(three.tracking_uri).client.set_registered_model_alias(TASK, CHAMPION, "2")
    assert repair(three.tracking_uri, three.ledger_uri) == [f"the champion of {TASK} was 2 and is 1"]
    assert aliases(three) == ("1", "3")


def test_a_ledger_that_lost_its_end_is_found_by_what_lies_outside(three):
    approve(three, TASK, "3", "Ada", "better")
    with closing(sqlite3.connect(three.ledger_uri.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER promotion_ledger_refuses_delete")
        connection.execute("DELETE FROM promotion_ledger WHERE number > 4")
    entries, _, found = verify(three.tracking_uri, three.ledger_uri, three.key)
    assert len(entries) == 4
    assert found == [
        f"the ledger has 4 entries, and had 6: its end was cut off (by the checkpoint on {TASK} version 3)"
    ]
    Tracked(three.tracking_uri).client.set_model_version_tag(TASK, "3", CHECKPOINT, "nonsense")
    *_, found = verify(three.tracking_uri, three.ledger_uri, three.key)
    assert found == [f"the checkpoint on {TASK} version 3 cannot be read: it was changed"]


def test_a_student_that_is_run_again_after_a_rejection_asks_again(three, tmp_path):
    nominated(three.tracking_uri, three.ledger_uri, tmp_path, "again", "second", seed=8)
    assert aliases(three) == ("1", "2")
    assert [each.version for each in read_ledger(three.ledger_uri) if each.action == "requested"] == [
        "1",
        "2",
        "3",
        "2",
    ]


def test_a_version_is_approved_only_over_the_champion_that_it_was_judged_against(office, tmp_path):
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "first")
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "two", "second", seed=8)  # both: there was no champion
    approve(office, TASK, "1", "Ada", "the first")
    with pytest.raises(
        RegistryError, match="version 2 was judged against none as the champion, which is version 1 now"
    ):
        approve(office, TASK, "2", "Ada", "better")
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "two again", "second", seed=8)  # judged anew
    assert approve(office, TASK, "2", "Ada", "better") == ("2", "1")


def test_a_way_back_that_leads_elsewhere_than_expected_is_refused(three):
    approve(three, TASK, "3", "Ada", "better")
    with pytest.raises(RegistryError, match="leads to version 1 of low_quality now, not to 2"):
        rollback(three, TASK, "Ada", "complaints", to="2")
    assert rollback(three, TASK, "Ada", "complaints", to="1") == ("1", "3")
