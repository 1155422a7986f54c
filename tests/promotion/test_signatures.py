"""What is signed at approval, and that nothing else is taken for it."""

from pathlib import Path

import pytest
from run_records import TASK, Tracked, digest_of

from promotion.ledger.database import LedgerError
from promotion.ledger.entries import Decision
from promotion.ledger.keys import have_key
from promotion.ledger.projection import repair, seal_champions, verify
from promotion.ledger.store import append
from promotion.registry import CHAMPION, by_alias
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
