"""Hit rate at an equal volume of recalled videos: the paper's online measure (Shi et al., CIKM 2024)."""

from collections.abc import Callable

import numpy as np

from models.evaluation.judging import STUDENT
from models.evaluation.resampling import resampled_weights
from promotion.gate.case import SEED, Case
from promotion.gate.comparing import within_tolerance
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import PASSED, Finding


def recall_volume(case: Case, gate: GateSettings) -> Finding:
    """Positives among as many of the highest-scored videos as the champion (or the baseline) decides on.

    Of two classes alone: of more nobody recalls one.
    """
    if len(case.classes) != 2:
        return Finding(outcome=PASSED, reason="more than two classes: none is recalled")
    rarer = case.ruler.rarer
    share = float((case.models[case.reference].decisions == rarer).mean())
    if not share:
        return Finding(outcome=PASSED, reason=f"the {case.reference} decides on no video: there is no volume to equal")
    positive = case.labels == rarer
    rates = [
        _hit_rate(positive, case.models[name].probabilities[:, rarer], share) for name in (STUDENT, case.reference)
    ]
    weights = resampled_weights(case.groups, SEED)
    samples = np.array([rates[0](each) - rates[1](each) for each in weights])
    own, other = (rate(np.ones(len(positive))) for rate in rates)
    told = (
        f"of the {share:.1%} that score highest, as many as the {case.reference} decides on, {own:.1%} are "
        f"{case.classes[rarer]}, with its scores {other:.1%}:"
    )
    return within_tolerance(case, gate, told, own - other, samples)


def _hit_rate(positive: np.ndarray, scores: np.ndarray, share: float) -> Callable[[np.ndarray], float]:
    """Share of positives among the highest-scored ``share`` of the rows, as a function of the rows' weights."""
    order = np.argsort(-scores, kind="stable")
    found = positive[order]

    def rate(weights: np.ndarray) -> float:
        own = weights[order]
        recalled = np.cumsum(own)
        # The row at the edge counts by the part of it that is inside.
        inside = np.clip(share * recalled[-1] - (recalled - own), 0, own)
        return float((inside * found).sum() / inside.sum()) if inside.sum() else float("nan")

    return rate
