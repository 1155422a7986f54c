"""How much of what the teacher knows the student has taken over."""

from models.evaluation.judging import MODELS, share_closed
from models.evaluation.metrics import roc_auc
from promotion.gate.case import Case
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import FAILED, PASSED, Finding


def gap_closed(case: Case, gate: GateSettings) -> Finding:
    """The share of the way from baseline to teacher in ROC-AUC, which needs no threshold and is the steadier one."""
    baseline, student, teacher = (roc_auc(case.labels, case.models[name].probabilities) for name in MODELS)
    gap, share = teacher - baseline, share_closed(baseline, student, teacher)
    if share is None:
        return Finding(
            outcome=PASSED, reason=f"the teacher's ROC-AUC is {gap:+.4f} against the baseline's: there is no gap"
        )
    return Finding(
        outcome=PASSED if share >= gate.least_gap_closed else FAILED,
        reason=(
            f"the student closes {share:.0%} of the gap of {gap:.4f} in ROC-AUC; the task asks for "
            f"{gate.least_gap_closed:.0%}"
        ),
        value=share,
        bound=gate.least_gap_closed,
    )
