"""What serving the student would cost."""

from models.evaluation.judging import CHAMPION, STUDENT
from promotion.gate.case import Case
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import FAILED, PASSED, TOO_FEW, Finding


def cost(case: Case, gate: GateSettings) -> Finding:
    """Its weights are no larger, and an answer takes no longer, than the task file allows; the champion's are told."""
    bounds = {"MB": gate.most_megabytes, "ms": gate.most_milliseconds}
    asked = " and ".join(f"{bound:g} {unit}" for unit, bound in bounds.items() if bound) or "no bound"
    if STUDENT not in case.answers:
        missing = any(bounds.values())
        return Finding(outcome=TOO_FEW if missing else PASSED, reason=f"no answer was timed; the task asks for {asked}")
    own = case.answers[STUDENT]
    too_much = own.megabytes > (gate.most_megabytes or own.megabytes) or own.milliseconds > (
        gate.most_milliseconds or own.milliseconds
    )
    other = f", of the champion {_told(case, CHAMPION)}" if CHAMPION in case.answers else ""
    return Finding(
        outcome=FAILED if too_much else PASSED,
        reason=f"weights and one answer: {_told(case, STUDENT)}{other}; the task asks for {asked}",
        value=own.milliseconds,
        bound=gate.most_milliseconds,
    )


def _told(case: Case, model: str) -> str:
    return f"{case.answers[model].megabytes:.1f} MB, {case.answers[model].milliseconds:.1f} ms"
