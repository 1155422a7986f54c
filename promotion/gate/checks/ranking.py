"""How the student ranks, whatever the threshold."""

import numpy as np

from models.evaluation.judging import STUDENT
from models.evaluation.resampling import over_classes, ranking_differences, weighted_pr_auc
from promotion.gate.case import SEED, Case
from promotion.gate.comparing import within_tolerance
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import Finding


def ranking(case: Case, gate: GateSettings) -> Finding:
    """PR-AUC not worse than the champion's (or the baseline's), by more than the tolerance."""
    own, other = (case.models[name].probabilities for name in (STUDENT, case.reference))
    samples = ranking_differences(weighted_pr_auc, case.labels, own, other, case.groups, SEED)
    all_rows = np.ones(len(case.labels))
    values = [over_classes(weighted_pr_auc, case.labels, each)(all_rows) for each in (own, other)]
    return within_tolerance(case, gate, "PR-AUC", values[0] - values[1], samples)
