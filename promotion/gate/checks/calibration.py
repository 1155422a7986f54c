"""Whether scores mean what they say."""

import numpy as np

from models.evaluation.calibration import brier, calibration_error
from models.evaluation.resampling import mean_over_groups
from promotion.gate.case import SEED, STUDENT, Case
from promotion.gate.comparing import interval, not_worse
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import Finding


def calibration(case: Case, gate: GateSettings) -> Finding:
    """Brier score not worse than the champion's (or the baseline's) by more than the tolerance; ECE is told."""
    own, other = (case.models[name].probabilities for name in (STUDENT, case.reference))
    gained = brier(case.labels, other) - brier(case.labels, own)  # a smaller score is better
    samples = mean_over_groups(gained, case.groups, SEED)
    low, high = interval(samples)
    errors = [calibration_error(case.labels, each) for each in (own, other)]
    return Finding(
        outcome=not_worse(samples, gate.tolerance, gate.alpha_of(case.look)),
        reason=(
            f"the Brier score, of which less is better, is {-float(np.mean(gained)):+.4f} against the "
            f"{case.reference}'s (95 % interval {-high:+.4f} to {-low:+.4f}) and may be {gate.tolerance:.4f} worse; "
            f"expected calibration error {errors[0]:.4f} against {errors[1]:.4f}"
        ),
        value=float(np.mean(gained)),
        interval=(low, high),
        bound=-gate.tolerance,
    )
