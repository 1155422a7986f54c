"""Signed counts and heads of the ledger, kept outside of it: a chain alone shows neither an end that was cut off nor
one that was made anew from its first entry."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel

from common.files import write_for_owner
from promotion.ledger.entries import Entry
from promotion.ledger.store import LedgerError

ALGORITHM = ec.ECDSA(hashes.SHA256())


class Checkpoint(BaseModel, frozen=True, extra="forbid"):
    """That the ledger had so many entries, the last with the digest ``head``. The signature is of both, in base 64."""

    entries: int
    head: str
    signature: str

    @property
    def signed(self) -> bytes:
        return f"{self.entries} {self.head}".encode()


def sign(entries: Sequence[Entry], key: Path) -> Checkpoint:
    """A checkpoint of these entries, at least one."""
    plain = Checkpoint(entries=len(entries), head=entries[-1].digest, signature="")
    signature = _private_key(key).sign(plain.signed, ALGORITHM)
    return plain.model_copy(update={"signature": base64.b64encode(signature).decode()})


def contradiction(checkpoint: Checkpoint, entries: Sequence[Entry], key: Path) -> str | None:
    """What is wrong with these entries by a checkpoint; None if nothing is."""
    if not key.exists():
        return f"there is no key {key} to check signatures with: put the one that was there in its place"
    try:
        signature = base64.b64decode(checkpoint.signature)
        _private_key(key).public_key().verify(signature, checkpoint.signed, ALGORITHM)
    except (InvalidSignature, ValueError):
        return f"the checkpoint of {checkpoint.entries} entries was not signed with the key {key}"
    if len(entries) < checkpoint.entries:
        return f"the ledger has {len(entries)} entries, and had {checkpoint.entries}: its end was cut off"
    if entries[checkpoint.entries - 1].digest != checkpoint.head:
        return f"entry {checkpoint.entries} or one before it is not what it was: the ledger was made anew"
    return None


def have_key(key: Path, entries: Sequence[Entry]) -> None:
    """Make the key if nothing was ever signed.

    Raises:
        LedgerError: decisions were signed and the key is gone, or it cannot be read.
    """
    if not key.exists() and all(each.action in ("judged", "requested") for each in entries):
        _make_key(key)
    _private_key(key)


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in a file (PEM)."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise LedgerError(f"the key {path}, which signs decisions, cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise LedgerError(f"{path} is no private key: put the one that was there in its place") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise LedgerError(f"{path} is no key of an elliptic curve: put the one that was there in its place")
    return key


def _make_key(path: Path) -> None:
    """For its owner alone."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    write_for_owner(partial, pem)
    try:
        os.link(partial, path)  # unlike a rename it does not replace the key that another process just made
    except FileExistsError:
        pass
    finally:
        partial.unlink()
