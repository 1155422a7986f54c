"""Whether the rows themselves can judge."""

from promotion.gate.case import Case
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import FAILED, PASSED, TOO_FEW, Finding


def positives(case: Case, gate: GateSettings) -> Finding:
    """Enough evaluation rows of the rarest class: what judges depends on their number above all."""
    enough = case.positives >= gate.fewest_positives
    return Finding(
        outcome=PASSED if enough else TOO_FEW,
        reason=f"{case.positives} rows are of the rarest class; {gate.fewest_positives} are asked for",
        value=case.positives,
        bound=gate.fewest_positives,
    )


def data(case: Case, _: GateSettings) -> Finding:
    """No warning of the checks of the raw window. What is surely wrong, or leaks, stopped the run before."""
    count = len(case.warnings)
    named = "; ".join(warning.partition(":")[0] for warning in case.warnings)
    reason = f"the checks of the raw window warn: {named}" if count else "the checks of the raw window warn of nothing"
    return Finding(outcome=FAILED if count else PASSED, reason=reason, value=count, bound=0)
