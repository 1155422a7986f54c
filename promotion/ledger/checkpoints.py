"""Signed counts and heads of the ledger, kept outside of it: a chain alone shows neither an end that was cut off nor
one that was made anew from its first entry."""

import base64
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel

from promotion.ledger.entries import Entry
from promotion.ledger.keys import MissingKey, private_key, public_key

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
    signature = private_key(key).sign(plain.signed, ALGORITHM)
    return plain.model_copy(update={"signature": base64.b64encode(signature).decode()})


def contradiction(checkpoint: Checkpoint, entries: Sequence[Entry], key: Path) -> str | None:
    """What is wrong with these entries by a checkpoint; None if nothing is."""
    try:
        signature = base64.b64decode(checkpoint.signature)
        public_key(key).verify(signature, checkpoint.signed, ALGORITHM)
    except MissingKey as error:
        return str(error)
    except (InvalidSignature, ValueError):
        return f"the checkpoint of {checkpoint.entries} entries was not signed with the key {key}"
    if len(entries) < checkpoint.entries:
        return f"the ledger has {len(entries)} entries, and had {checkpoint.entries}: its end was cut off"
    if entries[checkpoint.entries - 1].digest != checkpoint.head:
        return f"entry {checkpoint.entries} or one before it is not what it was: the ledger was made anew"
    return None
