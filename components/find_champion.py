"""Find out which version serves now, so that what follows from it is done anew when another does."""

from typing import NamedTuple

from components.base import component


@component()
def find_champion(task: str, ledger_uri: str) -> NamedTuple("Serving", version=str, archive=str):  # type: ignore[valid-type]
    """By the ledger: the version, '' for none, and the digest of the archive that was approved."""
    from promotion.ledger.entries import champion_of
    from promotion.ledger.store import read_ledger

    return champion_of(read_ledger(ledger_uri), task)
