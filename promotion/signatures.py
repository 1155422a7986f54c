"""Archives and evidence, signed at approval after OpenSSF model signing, and checked before anything is loaded."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from common.errors import UserError
from promotion.ledger.keys import public_key
from promotion.records import evidence_digest, fetch_evidence_of
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


def fetch_signed_archive(tracking_uri: str, version: ModelVersion, folder: Path, key: Path) -> tuple[Path, str]:
    """Download the archive of a version that was approved, proven unchanged. Returns its path and digest.

    Raises:
        RegistryError, ArchiveError: it has none, or another than was registered.
        SignatureError: it was not signed at an approval, or is another since.
    """
    path, digest = fetch_archive(tracking_uri, version, folder)
    name = f"the archive of {version.name} version {version.version}"
    require_signature(name, path, version.tags.get(ARCHIVE_SIGNATURE), key)
    return path, digest


@dataclass(frozen=True)
class Seal:
    """What a version is approved with: digests of its archive and evidence, and the tags that hold their signatures."""

    archive: str
    evidence: str
    tags: Mapping[str, str]

    def put_on(self, client: MlflowClient, version: ModelVersion) -> None:
        for tag, signature in self.tags.items():
            client.set_model_version_tag(version.name, version.version, tag, signature)


def sealed(tracking_uri: str, version: ModelVersion, key: Path) -> Seal:
    """Read a version's archive and evidence, and sign both.

    Raises:
        ArchiveError: the archive is not the registered one.
    """
    with tempfile.TemporaryDirectory() as scratch:
        archive, digest = fetch_archive(tracking_uri, version, Path(scratch))
        evidence = fetch_evidence_of(version, Path(scratch))
        tags = {ARCHIVE_SIGNATURE: sign(archive, key), EVIDENCE_SIGNATURE: sign(evidence, key)}
        return Seal(digest, evidence_digest(evidence), tags)


def broken_seals(tracking_uri: str, version: ModelVersion, key: Path) -> list[str]:
    """A sentence for what a version was approved with and is not signed, or not, byte for byte, what was signed."""
    of = f"of {version.name} version {version.version}"
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        fetched: list[tuple[str, Callable[[], Path], str]] = [
            ("archive", lambda: fetch_archive(tracking_uri, version, Path(scratch))[0], ARCHIVE_SIGNATURE),
            ("evidence", lambda: fetch_evidence_of(version, Path(scratch)), EVIDENCE_SIGNATURE),
        ]
        for name, fetch, tag in fetched:
            try:
                require_signature(f"the {name} {of}", fetch(), version.tags.get(tag), key)
            except UserError as error:
                found.append(str(error))
            except (MlflowException, OSError) as error:
                found.append(f"the {name} {of} cannot be had: {str(error).splitlines()[0]}")
    return found
