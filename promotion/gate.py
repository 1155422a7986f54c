"""The gate: a pure function from an evaluation to a verdict with its reason."""

from pydantic import BaseModel

from models.evaluation.judging import Evaluation
from promotion.policy import GateSettings


class Verdict(BaseModel, frozen=True, extra="forbid"):
    """Whether the student may ask to serve, and why, in a sentence."""

    passed: bool
    reason: str
    margin: float


def decide(evaluation: Evaluation, gate: GateSettings) -> Verdict:
    """Pass a student whose F1 is above the baseline's by at least the margin; a tie at margin zero fails."""
    student, baseline = evaluation.models["student"].judged, evaluation.models["baseline"].judged
    difference = evaluation.difference
    passed = difference > 0 if gate.margin == 0 else difference >= gate.margin
    low, high = evaluation.difference_interval
    reason = (
        f"the student's F1 {student:.4f} is {difference:+.4f} against the baseline's {baseline:.4f} "
        f"(95 % interval {low:+.4f} to {high:+.4f}); the gate asks for {gate.margin:+.4f}"
    )
    return Verdict(passed=passed, reason=reason, margin=gate.margin)
