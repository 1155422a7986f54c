"""The key that signs decisions, archives and evidence, and its public half, which checks them."""

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from common.files import whole, write_for_owner
from promotion.ledger.database import LedgerError
from promotion.ledger.entries import Entry


class MissingKey(LedgerError):  # noqa: N818 - what is so
    """There is nothing to check signatures with."""


def have_key(key: Path, entries: Sequence[Entry]) -> None:
    """Make the key if nothing was ever signed, and lay its public half beside it.

    Raises:
        LedgerError: decisions were signed and the key is gone, it cannot be read, or the public half is another's.
    """
    unused = not public_file(key).exists() and all(each.action in ("judged", "requested") for each in entries)
    if unused and not key.exists():
        _make_key(key)
    own = private_key(key).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if not public_file(key).exists():
        with whole(public_file(key)) as partial:
            partial.write_bytes(own)
    if public_file(key).read_bytes() != own:
        raise LedgerError(
            f"{public_file(key)} is not of the key {key}: put the two that belong together in their place"
        )


def public_file(key: Path) -> Path:
    """Where the public half of a key lies: it alone is needed to check what was signed."""
    return key.with_suffix(".pub.pem")


def public_key(key: Path) -> ec.EllipticCurvePublicKey:
    """The public half, from its own file or that of the key. Raises MissingKey if neither is there."""
    if not public_file(key).exists() and not key.exists():
        raise MissingKey(f"there is no key {key} to check signatures with: put the one that was there in its place")
    if not public_file(key).exists():
        return private_key(key).public_key()
    public = serialization.load_pem_public_key(public_file(key).read_bytes())
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise LedgerError(f"{public_file(key)} is no key of an elliptic curve: put the one that was there in its place")
    return public


def private_key(path: Path) -> ec.EllipticCurvePrivateKey:
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
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    write_for_owner(partial, pem)
    try:
        os.link(partial, path)  # unlike a rename it does not replace the key that another process just made
    except FileExistsError:
        pass
    finally:
        partial.unlink()
