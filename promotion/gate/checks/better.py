"""Better than the baseline, and than the champion or, for a refresh, not worse."""

from models.evaluation.judging import BASELINE, CHAMPION
from promotion.gate.case import Case
from promotion.gate.comparing import non_inferior, superior
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import FAILED, PASSED, Finding


def baseline(case: Case, gate: GateSettings) -> Finding:
    """A student that is no better than what labels alone give was not worth its teacher."""
    return superior(case, BASELINE, gate)


def champion(case: Case, gate: GateSettings) -> Finding:
    """A change must be better. A refresh of the same recipe need not be: else ties would keep the old one for ever."""
    if case.lost:
        return Finding(outcome=FAILED, reason=f"{case.lost}; 'gate: {{checks: {{champion: off}}}}' would do without it")
    if CHAMPION not in case.models:
        return Finding(outcome=PASSED, reason="there is no champion: this would be the first")
    return (superior if case.policy == "change" else non_inferior)(case, CHAMPION, gate)
