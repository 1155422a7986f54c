"""What is signed at approval, and that nothing else is taken for it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from run_records import TASK, Tracked, digest_of

from promotion.errors import RegistryError
from promotion.ledger.database import LedgerError
from promotion.ledger.entries import Decision
from promotion.ledger.keys import have_key, public_file
from promotion.ledger.projection import repair, seal_champions, verify
from promotion.ledger.store import append, read_ledger
from promotion.registry import CHAMPION, by_alias
from promotion.review import approve
from promotion.signatures import ARCHIVE_SIGNATURE, EVIDENCE_SIGNATURE, SignatureError, require_signature


def stored(folder: Path, name: str, content: str) -> Path:
    """The one file of that name and content among what MLflow keeps."""
    (found,) = (each for each in (folder / "artifacts").rglob(name) if each.read_text() == content)
    return found


def test_what_was_approved_is_signed_and_a_change_of_it_is_told(three, tmp_path):
    assert verify(three.tracking_uri, three.ledger_uri, three.key)[2] == []
    stored(tmp_path, f"{TASK}.mar", "first").write_text("another")
    client = Tracked(three.tracking_uri).client
    *_, found = verify(three.tracking_uri, three.ledger_uri, three.key)
    assert len(found) == 1
    assert f"{TASK}.mar is not the archive that was registered" in found[0]
    client.set_model_version_tag(TASK, "1", "archive_sha256", digest_of("another"))  # whoever writes to both
    *_, found = verify(three.tracking_uri, three.ledger_uri, three.key)
    assert found == [f"the archive of {TASK} version 1 is not what was signed: it is not loaded"]
    stored(tmp_path, f"{TASK}.mar", "another").write_text("first")
    client.set_model_version_tag(TASK, "1", "archive_sha256", digest_of("first"))
    run = client.get_model_version(TASK, "1").run_id
    client.log_text(run, "a nicer page", "evidence/report.html")
    *_, found = verify(three.tracking_uri, three.ledger_uri, three.key)
    assert found == [f"the evidence of {TASK} version 1 is not what was signed: it is not loaded"]


def test_only_the_key_that_signed_lets_an_archive_serve(three, tmp_path):
    version = by_alias(Tracked(three.tracking_uri).client, TASK, CHAMPION)
    archive = stored(tmp_path, f"{TASK}.mar", "first")
    signature = version.tags[ARCHIVE_SIGNATURE]
    require_signature("the archive", archive, signature, three.key)
    have_key(tmp_path / "other.pem", [])
    for wrong, told in ((None, "was not signed"), ("{}", "is not what was signed"), ("", "was not signed")):
        with pytest.raises(SignatureError, match=told):
            require_signature("the archive", archive, wrong, three.key)
    with pytest.raises(SignatureError, match="is not what was signed"):
        require_signature("the archive", archive, signature, tmp_path / "other.pem")
    with pytest.raises(LedgerError, match="there is no key"):
        require_signature("the archive", archive, signature, tmp_path / "none.pem")


def test_a_champion_of_before_signatures_is_signed_by_a_repair(three):
    client = Tracked(three.tracking_uri).client
    for tag in (ARCHIVE_SIGNATURE, EVIDENCE_SIGNATURE):
        client.delete_model_version_tag(TASK, "1", tag)
    assert seal_champions(three.tracking_uri, three.ledger_uri, three.key) == [
        f"the archive and the evidence of {TASK} version 1 are signed now"
    ]
    assert seal_champions(three.tracking_uri, three.ledger_uri, three.key) == []
    assert verify(three.tracking_uri, three.ledger_uri, three.key)[2] == []


def test_evidence_that_changed_since_it_asked_is_not_approved(three):
    client = Tracked(three.tracking_uri).client
    client.log_text(client.get_model_version(TASK, "3").run_id, "a nicer page", "evidence/report.html")
    with pytest.raises(RegistryError, match=f"the evidence of {TASK} version 3 is not the one that asked to serve"):
        approve(three, TASK, "3", "Ada", "better")
    assert ARCHIVE_SIGNATURE not in client.get_model_version(TASK, "3").tags


def test_signatures_that_were_taken_off_and_evidence_that_is_gone_are_missed(three, tmp_path):
    client = Tracked(three.tracking_uri).client
    client.delete_model_version_tag(TASK, "1", ARCHIVE_SIGNATURE)
    for page in (tmp_path / "artifacts").rglob("evidence"):
        shutil.rmtree(page)
    first, second = verify(three.tracking_uri, three.ledger_uri, three.key)[2]
    assert first == f"the archive of {TASK} version 1 was not signed: 'cpfd ledger repair' signs what was approved"
    assert second.startswith(f"the evidence of {TASK} version 1 cannot be had")


def test_a_public_key_of_another_is_not_taken(three, tmp_path):
    have_key(tmp_path / "other.pem", [])
    public_file(tmp_path / "other.pem").replace(public_file(three.key))
    with pytest.raises(LedgerError, match="is not of the key"):
        approve(three, TASK, "3", "Ada", "better")
    (tmp_path / "alone").mkdir()
    shutil.copy(public_file(three.key), public_file(tmp_path / "alone" / "ledger.pem"))
    with pytest.raises(LedgerError, match="cannot be read"):
        have_key(tmp_path / "alone" / "ledger.pem", [])


def test_an_entry_that_was_put_in_the_place_of_another_gets_nothing_signed(three):
    """Each row is whole and the last is what was signed: only the links between them tell."""
    approve(three, TASK, "3", "Ada", "better")
    client = Tracked(three.tracking_uri).client
    for tag in (ARCHIVE_SIGNATURE, EVIDENCE_SIGNATURE):
        client.delete_model_version_tag(TASK, "3", tag)
    entry = read_ledger(three.ledger_uri)[3]
    forged = entry.model_copy(update={"action": "approved", "version": "2", "archive": digest_of("second")})
    with closing(sqlite3.connect(three.ledger_uri.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER promotion_ledger_refuses_update")
        values = (forged.digest, forged.text, forged.number)
        connection.execute("UPDATE promotion_ledger SET digest = ?, entry = ? WHERE number = ?", values)
    told = seal_champions(three.tracking_uri, three.ledger_uri, three.key)
    assert told
    assert all("no signature vouches for the approval" in each for each in told)
    assert ARCHIVE_SIGNATURE not in client.get_model_version(TASK, "2").tags


def test_an_approval_that_was_only_written_into_the_ledger_gets_nothing_signed(three):
    """Whoever runs pipelines may write to the ledger, and cannot crown a champion."""

    def forged(_: object) -> Decision:
        archive = digest_of("third")
        return Decision(task=TASK, action="approved", version="3", by="Ada", reason="", archive=archive)

    append(three.ledger_uri, forged)
    repair(three.tracking_uri, three.ledger_uri)
    assert seal_champions(three.tracking_uri, three.ledger_uri, three.key) == [
        f"no signature vouches for the approval of {TASK} version 3: it is not signed"
    ]
    version = by_alias(Tracked(three.tracking_uri).client, TASK, CHAMPION)
    assert ARCHIVE_SIGNATURE not in version.tags, "so that serving refuses it"
