"""The gate: a pure function from an evaluation to a verdict with its reason."""

from pydantic import BaseModel

from models.evaluation.judging import Evaluation
from models.evaluation.metrics import JUDGES
from promotion.policy import GateSettings


class Verdict(BaseModel, frozen=True, extra="forbid"):
    """Whether the student may ask to serve, and why, in a sentence."""

    passed: bool
    reason: str
    margin: float


def decide(evaluation: Evaluation, gate: GateSettings) -> Verdict:
    """Pass a student that is above the baseline by at least the margin, and not behind the best raw-only peer.

    A tie at margin zero fails.
    """
    title = JUDGES[evaluation.judge].title
    student, baseline = evaluation.models["student"].judged, evaluation.models["baseline"].judged
    difference = evaluation.difference
    passed = difference > 0 if gate.margin == 0 else difference >= gate.margin
    low, high = evaluation.difference_interval
    reason = (
        f"the student's {title} {student:.4f} is {difference:+.4f} against the baseline's {baseline:.4f} "
        f"(95 % interval {low:+.4f} to {high:+.4f}); the gate asks for {gate.margin:+.4f}"
    )
    if evaluation.floor is not None:
        peer, values = evaluation.floor
        behind = student < values.judged
        where = "below" if behind else "not below"
        found = (
            f"the student's {title} {student:.4f} is {where} the {values.judged:.4f} of the best simple peer ({peer})"
        )
        if behind and gate.floor == "raw_peers":
            return Verdict(passed=False, reason=f"{found}; besides, {reason}", margin=gate.margin)
        reason = f"{reason}; {found}" + (", which this task does not ask for" if behind else "")
    return Verdict(passed=passed, reason=reason, margin=gate.margin)
