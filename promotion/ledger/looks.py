"""How often the same rows judged: each look at them may find a better model by chance."""

from collections.abc import Sequence

from promotion.ledger.entries import Decision, Entry
from promotion.ledger.store import append

GATE = "the gate"


def count_look(ledger_uri: str, task: str, rows: str, candidate: str) -> int:
    """Note that a candidate is judged on the rows of a digest. Returns how many were, this one included.

    The same candidate is one look, however often it is judged: it is the same model.

    Args:
        candidate: the digest of its weights.
    """

    def decide(entries: Sequence[Entry]) -> Decision | None:
        if candidate in judged(entries, task, rows):
            return None
        return Decision(task=task, action="judged", version="", by=GATE, reason="", rows=rows, candidate=candidate)

    return judged(append(ledger_uri, decide), task, rows).index(candidate) + 1


def judged(entries: Sequence[Entry], task: str, rows: str) -> list[str]:
    """The candidates that were judged on these rows, in their order."""
    return [each.candidate for each in entries if (each.action, each.task, each.rows) == ("judged", task, rows)]
