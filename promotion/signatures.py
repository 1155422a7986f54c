"""Archives and evidence, signed at approval after OpenSSF model signing, and checked before anything is loaded."""

import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from common.errors import UserError
from promotion.ledger.keys import public_key
from promotion.records import fetch_evidence_of
from promotion.registry import fetch_archive

# Tags of a version: the signatures (Sigstore bundles, JSON of 1.3 kB) of its archive and of its run's evidence.
ARCHIVE_SIGNATURE, EVIDENCE_SIGNATURE = "archive_signature", "evidence_signature"


class SignatureError(UserError):
    """Something is not, byte for byte, what was approved. The message names it."""


def sign(path: Path, key: Path) -> str:
    """The signature of a file or of all files of a folder, with a private key of an elliptic curve (PEM)."""
    from model_signing import signing

    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch) / "signature.json"
        signing.Config().use_elliptic_key_signer(private_key=key).sign(path, bundle)
        return bundle.read_text()


def require_signature(name: str, path: Path, signature: str | None, key: Path) -> None:
    """Let pass only what was signed with the key and not changed since: no file more, fewer or other.

    Args:
        name: what the file or folder is, for people.
        signature: as ``sign`` gave it; None for none.
        key: the private key, whose public half lies beside it; the latter is enough.

    Raises:
        SignatureError: it is not.
        LedgerError: there is no key to check it with.
    """
    from model_signing import verifying

    if not signature:
        raise SignatureError(f"{name} was not signed: 'cpfd ledger repair' signs what was approved")
    public = public_key(key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with tempfile.TemporaryDirectory() as scratch:
        bundle, pem = Path(scratch) / "signature.json", Path(scratch) / "key.pem"
        bundle.write_text(signature)
        pem.write_bytes(public)
        try:
            verifying.Config().use_elliptic_key_verifier(public_key=pem).verify(path, bundle)
        except Exception as error:  # of a bundle that is none the library raises whatever its parsers do
            raise SignatureError(f"{name} is not what was signed: it is not loaded") from error


def seal(client: MlflowClient, tracking_uri: str, version: ModelVersion, key: Path) -> None:
    """Sign a version's archive, whose digest must be the registered one, and its evidence. Twice is the same as once.

    Raises:
        ArchiveError: the archive is another.
    """
    with tempfile.TemporaryDirectory() as scratch:
        archive, _ = fetch_archive(tracking_uri, version, Path(scratch))
        evidence = fetch_evidence_of(version, Path(scratch))
        for tag, path in ((ARCHIVE_SIGNATURE, archive), (EVIDENCE_SIGNATURE, evidence)):
            client.set_model_version_tag(version.name, version.version, tag, sign(path, key))


def broken_seals(tracking_uri: str, version: ModelVersion, key: Path) -> list[str]:
    """A sentence for what a version was approved with and is not, byte for byte, what it was; none if never sealed."""
    if ARCHIVE_SIGNATURE not in version.tags:
        return []
    of = f"of {version.name} version {version.version}"
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        try:
            archive, _ = fetch_archive(tracking_uri, version, Path(scratch))
            require_signature(f"the archive {of}", archive, version.tags[ARCHIVE_SIGNATURE], key)
        except UserError as error:
            found.append(str(error))
        evidence = fetch_evidence_of(version, Path(scratch))
        try:
            require_signature(f"the evidence {of}", evidence, version.tags.get(EVIDENCE_SIGNATURE), key)
        except UserError as error:
            found.append(str(error))
    return found
