"""What the ledger holds, and what follows from it: pure functions of its entries."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

# A candidate meets the gate (judged); one that passed asks to serve (requested); a reviewer lets it, or not; rolled
# back: its former version serves.
Action = Literal["judged", "requested", "approved", "rejected", "rolled back"]
LONGEST_NAME, LONGEST_REASON = 200, 2_000  # characters
FIRST = "0" * 64  # what stands where the first entry would name the one before


class Decision(BaseModel, frozen=True, extra="forbid"):
    """What somebody decided about a version of a task's model, and why.

    ``former`` is the champion that a request was judged against, an approval replaces or a way back leaves; '' for
    none. The digests (SHA-256) are of what it was decided on: the run's evidence, the archive and the evaluation rows.
    What is judged has no version yet: ``candidate`` is the digest of its weights.
    """

    task: str = Field(min_length=1)
    action: Action
    version: str
    former: str = ""
    by: str = Field(min_length=1, max_length=LONGEST_NAME)
    reason: str = Field(max_length=LONGEST_REASON)
    evidence: str = ""
    archive: str = ""
    rows: str = ""
    candidate: str = ""

    @model_validator(mode="after")
    def _names_what_it_is_about(self) -> Self:
        if not (self.candidate if self.action == "judged" else self.version):
            raise ValueError("must name the candidate that was judged, or the version that was decided on")
        return self


class Entry(Decision, frozen=True, extra="forbid"):
    """A decision in its place: ``number`` counts from 1, ``before`` is the digest of the entry before."""

    number: int = Field(ge=1)
    at: datetime
    before: str

    @property
    def text(self) -> str:
        """The entry as it is kept: JSON of sorted keys, without spaces."""
        fields = self.model_dump(mode="json", exclude={"candidate"} if not self.candidate else None)
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


class Standing(BaseModel, frozen=True, extra="forbid"):
    """The versions of a task's model that have served, the champion last, and the one that asks to ('' for none)."""

    champions: tuple[str, ...] = ()
    challenger: str = ""

    @property
    def champion(self) -> str:
        """'' if there is none."""
        return self.champions[-1] if self.champions else ""


def standings(entries: Sequence[Entry]) -> dict[str, Standing]:
    """By task, what all entries come to. The way back leads to the version that served before, as often as asked."""
    found: dict[str, Standing] = {}
    for each in entries:
        if each.action == "judged":
            continue
        now = found.get(each.task, Standing())
        champions, challenger = now.champions, now.challenger
        if each.action == "requested":
            challenger = each.version
        elif each.version == challenger:
            challenger = ""
        if each.action == "approved":
            champions = (*champions, each.version)
        elif each.action == "rolled back":
            champions = champions[:-1]
        found[each.task] = Standing(champions=champions, challenger=challenger)
    return found


def newest(entries: Sequence[Entry], task: str, version: str, *actions: Action) -> Entry | None:
    """The newest of these decisions about a version."""
    about = (each for each in reversed(entries) if (each.task, each.version) == (task, version))
    return next((each for each in about if each.action in actions), None)


def approved(entries: Sequence[Entry], task: str, version: str) -> str:
    """The digest of the archive with which a version was approved; '' if it never was."""
    found = newest(entries, task, version, "approved")
    return "" if found is None else found.archive


def champion_of(entries: Sequence[Entry], task: str) -> tuple[str, str]:
    """The version of a task's champion, '' for none, and the digest of the archive with which it was approved."""
    version = standings(entries).get(task, Standing()).champion
    return version, approved(entries, task, version)


def until(entries: Sequence[Entry], moment: datetime) -> list[Entry]:
    """The entries made up to ``moment``, which has a zone."""
    return [each for each in entries if each.at <= moment]


def end_of(moment: str) -> datetime:
    """A time of ISO 8601, in UTC unless it has a zone; of a day alone its last moment.

    Raises:
        ValueError: it is neither.
    """
    at = datetime.fromisoformat(moment)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at + timedelta(days=1, microseconds=-1) if len(moment) == len("2026-01-31") else at


def broken_links(entries: Sequence[Entry]) -> list[str]:
    """A sentence for each place where the chain is not whole."""
    found = []
    if entries and (entries[0].number, entries[0].before) != (1, FIRST):
        found.append(f"the ledger begins with entry {entries[0].number}, which is not the first that was made")
    for former, each in pairwise(entries):
        if each.number != former.number + 1:
            found.append(f"between entries {former.number} and {each.number} there are others missing")
        elif each.before != former.digest:
            found.append(f"entry {former.number} is not what it was when entry {each.number} was made")
    return found
