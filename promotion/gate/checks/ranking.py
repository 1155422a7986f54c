"""How the student ranks, whatever the threshold."""

import numpy as np

from models.evaluation.metrics import pr_auc as of
from models.evaluation.resampling import ranking_differences, weighted_pr_auc
from promotion.gate.case import SEED, STUDENT, Case
from promotion.gate.comparing import interval, not_worse
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import Finding


def pr_auc(case: Case, gate: GateSettings) -> Finding:
    """PR-AUC not worse than the champion's (or the baseline's), by more than the tolerance."""
    own, other = (case.models[name].probabilities for name in (STUDENT, case.reference))
    samples = ranking_differences(weighted_pr_auc, case.labels, own, other, case.groups, SEED)
    difference = of(case.labels, own) - of(case.labels, other)
    low, high = interval(np.asarray(samples))
    return Finding(
        outcome=not_worse(samples, gate.tolerance, gate.alpha_of(case.look)),
        reason=(
            f"PR-AUC {difference:+.4f} against the {case.reference} (95 % interval {low:+.4f} to {high:+.4f}); "
            f"it may be {gate.tolerance:.4f} worse"
        ),
        value=difference,
        interval=(low, high),
        bound=-gate.tolerance,
    )
