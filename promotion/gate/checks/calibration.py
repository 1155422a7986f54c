"""Whether scores mean what they say."""

from models.evaluation.calibration import brier, calibration_error
from models.evaluation.judging import STUDENT
from models.evaluation.resampling import mean_over_groups
from promotion.gate.case import SEED, Case
from promotion.gate.comparing import within_tolerance
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import Finding


def calibration(case: Case, gate: GateSettings) -> Finding:
    """Brier score not worse than the champion's (or the baseline's) by more than the tolerance; ECE is told."""
    own, other = (case.models[name].probabilities for name in (STUDENT, case.reference))
    gained = brier(case.labels, other) - brier(case.labels, own)  # a smaller score is better
    errors = [f"{calibration_error(case.labels, each):.4f}" for each in (own, other)]
    told = f"expected calibration error {errors[0]}, of the {case.reference} {errors[1]}; Brier score better by"
    return within_tolerance(case, gate, told, float(gained.mean()), mean_over_groups(gained, case.groups, SEED))
