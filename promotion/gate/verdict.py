"""What the gate says: a verdict of checks, each with its figures and its reason."""

from typing import Final, Literal

from pydantic import BaseModel

from promotion.gate.policy import CheckName, Policy

PASSED: Final = "passed"
FAILED: Final = "failed"
TOO_FEW: Final = "not enough rows"
Outcome = Literal["passed", "failed", "not enough rows"]


class Part(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """One slice of a check over several: how many rows and positives it has, and the student's difference there."""

    name: str
    rows: int
    positives: int
    difference: float
    interval: tuple[float, float]
    p_value: float


class Finding(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What a check found. ``reason`` is a clause; ``interval`` is of 95 %, ``bound`` what ``value`` is held against."""

    outcome: Outcome
    reason: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    bound: float | None = None
    parts: tuple[Part, ...] = ()


class Check(Finding, frozen=True, extra="forbid"):
    """A finding in its place: which check it is of, and whether it must pass."""

    name: CheckName
    level: Literal["required", "advisory"]


class Verdict(BaseModel, frozen=True, extra="forbid"):
    """Whether the student may ask to serve, and why.

    ``policy`` is how it was held against the ``champion`` ('' for none), ``changed`` the settings that are not the
    champion's. ``look`` counts the candidates that were judged on these rows, this one included; ``alpha`` is what it
    may spend.
    """

    outcome: Outcome
    reason: str
    checks: tuple[Check, ...] = ()
    policy: Policy = "change"
    champion: str = ""
    changed: dict[str, tuple[object, object]] = {}
    look: int = 1
    alpha: float = 0.05

    @property
    def told(self) -> dict[str, str]:
        """What a message says of it."""
        outcome = "passed" if self.passed else f"did not pass ({self.outcome})"
        return {"outcome": outcome, "reason": self.reason}

    @property
    def passed(self) -> bool:
        return self.outcome == PASSED
