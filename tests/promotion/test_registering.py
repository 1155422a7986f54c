"""Registering: the same five give the same version, whatever else changes."""

import pytest
from run_records import TASK, Tracked, digest_of, nominated, record

from promotion.records import record_run
from promotion.registry import CHALLENGER, CHAMPION, by_alias, fetch_archive
from promotion.review import approve
from promotion.runs import begin_run, end_run


def test_the_same_identity_is_registered_once_and_each_run_is_recorded(tracking_uri, tmp_path):
    first, version = record_run(tracking_uri, record(tmp_path / "a", "first"))
    second, again = record_run(tracking_uri, record(tmp_path / "b", "second"))
    tracked = Tracked(tracking_uri)
    assert (version, again) == ("1", "1")
    assert first != second
    assert len(tracked.versions()) == len(tracked.models()) == 1
    assert len(list((tmp_path / "artifacts" / TASK / "models").iterdir())) == 1  # nothing was logged twice
    assert {run.info.run_name: run.data.tags["version"] for run in tracked.top()} == {"first": "1", "second": "1"}
    digests = {run.data.tags["identity"] for run in tracked.top()}
    digests |= {tracked.versions()[0].tags["identity"], tracked.models()[0].tags["identity"]}
    assert len(digests) == 1
    assert tracked.running() == []


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"snapshot": "a2"},
        {"window_start": "2026-03-01"},
        {"window_end": "2026-07-02"},
        {"code_version": "c2"},
        {"settings": {"task": TASK, "gate": {"margin": 0.1}}},
    ],
)
def test_each_of_the_five_makes_another_identity(tmp_path, change):
    assert record(tmp_path, "x", **change).identity != record(tmp_path, "x").identity


def test_another_identity_is_another_version(tracking_uri, tmp_path):
    assert record_run(tracking_uri, record(tmp_path / "a", "first"))[1] == "1"
    assert record_run(tracking_uri, record(tmp_path / "b", "second", seed=8))[1] == "2"


def test_a_student_that_did_not_pass_is_recorded_without_a_version(tracking_uri, tmp_path):
    _, version = record_run(tracking_uri, record(tmp_path, "first", passed=False))
    tracked = Tracked(tracking_uri)
    assert version == ""
    assert tracked.versions() == tracked.models() == []
    (run,) = tracked.top()
    assert run.data.tags["verdict"] == "failed"
    assert "version" not in run.data.tags


def test_a_run_that_was_begun_is_continued_and_left_to_its_runner(tracking_uri, tmp_path):
    begun = begin_run(tracking_uri, TASK, "first", {"window_end": "2026-07-01"})
    run_id, _ = record_run(tracking_uri, record(tmp_path, "first"))
    tracked = Tracked(tracking_uri)
    assert run_id == begun
    assert tracked.running() == ["first"]
    assert [run.info.status for run in tracked.runs() if "network" in run.data.tags] == ["FINISHED"] * 3
    end_run(tracking_uri, begun, "FINISHED")
    (run,) = tracked.top()
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.note.content"] == "the student is better"


def held(tracking_uri, tmp_path, alias) -> tuple[str, str]:
    """The content of the archive that an alias leads to, and its digest in the registry."""
    version = by_alias(Tracked(tracking_uri).client, TASK, alias)
    target = tmp_path / "fetched"
    target.mkdir(exist_ok=True)
    path, digest = fetch_archive(tracking_uri, version, target)
    return path.read_text(), digest


def test_a_second_nomination_keeps_the_archive_that_was_proven_first(tracking_uri, office, tmp_path):
    assert nominated(tracking_uri, office.ledger_uri, tmp_path, "first", "bytes").challenger == "1"
    before = Tracked(tracking_uri).versions()[0].tags
    assert (
        nominated(tracking_uri, office.ledger_uri, tmp_path, "second", "the same student, packed later").challenger
        == "1"
    )
    assert held(tracking_uri, tmp_path, CHALLENGER) == ("bytes", digest_of("bytes"))
    assert Tracked(tracking_uri).versions()[0].tags == before


def test_a_champion_is_not_made_a_challenger_by_a_repeat(tracking_uri, office, tmp_path):
    nominated(tracking_uri, office.ledger_uri, tmp_path, "first", "bytes")
    approve(office, TASK, "1", "reviewer", "better")
    assert nominated(tracking_uri, office.ledger_uri, tmp_path, "second", "bytes").champion == "1"
    client = Tracked(tracking_uri).client
    assert by_alias(client, TASK, CHALLENGER) is None
    assert str(by_alias(client, TASK, CHAMPION).version) == "1"


def test_a_challenger_waits_beside_the_champion_and_a_repeat_leaves_it(tracking_uri, office, tmp_path):
    nominated(tracking_uri, office.ledger_uri, tmp_path, "first", "bytes")
    approve(office, TASK, "1", "reviewer", "better")
    nominated(tracking_uri, office.ledger_uri, tmp_path, "other", "others", seed=8)
    assert nominated(tracking_uri, office.ledger_uri, tmp_path, "repeat", "bytes").champion == "1"
    assert str(by_alias(Tracked(tracking_uri).client, TASK, CHALLENGER).version) == "2"


def test_an_archive_that_is_gone_or_was_never_sealed_is_replaced_with_its_digest(tracking_uri, office, tmp_path):
    nominated(tracking_uri, office.ledger_uri, tmp_path, "first", "bytes")
    (stored,) = (tmp_path / "artifacts").rglob("archive/*.mar")
    stored.unlink()
    nominated(tracking_uri, office.ledger_uri, tmp_path, "second", "new bytes")
    assert held(tracking_uri, tmp_path, CHALLENGER) == ("new bytes", digest_of("new bytes"))
    Tracked(tracking_uri).client.delete_model_version_tag(TASK, "1", "archive_sha256")  # killed before the seal
    nominated(tracking_uri, office.ledger_uri, tmp_path, "third", "newer bytes")
    assert held(tracking_uri, tmp_path, CHALLENGER) == ("newer bytes", digest_of("newer bytes"))
