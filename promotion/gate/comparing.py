"""How two models are told apart: which is better, which is not worse, and what so few rows cannot say."""

from statistics import NormalDist

import numpy as np

from models.evaluation.judging import STUDENT
from models.evaluation.resampling import FEWEST_GROUPS, SWAPS, GroupCounts, interval, swap_test
from promotion.gate.case import SEED, Case
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import FAILED, PASSED, TOO_FEW, Finding, Outcome

POWER = 0.8  # of finding a difference that is there: the convention (Cohen 1988)


def judged_samples(case: Case, against: str, counts: GroupCounts | None = None) -> np.ndarray:
    """The student's difference in what judges over resampled groups."""
    pair = (counts or case.counts).pair(case.place(STUDENT), case.place(against))
    values = case.ruler.values(pair.resampled(SEED))
    return values[:, 0] - values[:, 1]


def smallest_shown(spread: float, alpha: float) -> float:
    """The difference that these rows show with a probability of POWER."""
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha) + normal.inv_cdf(POWER)) * spread


def superior(case: Case, against: str, gate: GateSettings) -> Finding:
    """Whether the student is better in what judges, by a paired swap test over groups.

    Where it is not shown, the student has failed if a worthwhile gain can be ruled out; else there are not enough rows.
    """
    alpha = gate.alpha_of(case.look)
    test = swap_test(case.counts, case.ruler, case.place(STUDENT), case.place(against), SEED)
    samples = judged_samples(case, against)
    low, high = interval(samples)
    shown = smallest_shown(test.spread, alpha)
    outcome: Outcome = PASSED
    if test.p_value > alpha or test.difference <= 0:
        ruled_out = test.difference + _reach(samples, alpha) < gate.worthwhile and case.counts.groups >= FEWEST_GROUPS
        outcome = FAILED if ruled_out else TOO_FEW
    reason = (
        f"{_both(case, against)}: {test.difference:+.4f} (95 % interval {low:+.4f} to {high:+.4f}, "
        f"p {test.p_value:.2g}, may be {alpha:.2g})"
    )
    if outcome == TOO_FEW:
        if alpha < 1 / (1 + SWAPS):
            reason += f"; these rows have judged {case.look} candidates, and can show nothing any more: take newer ones"
        wanted = _wanted(case, test.difference, shown)
        reason += f"; the smallest difference that these rows would show is {shown:.4f}{wanted}"
    return Finding(outcome=outcome, reason=reason, value=test.difference, interval=(low, high), bound=0)


def _both(case: Case, against: str) -> str:
    own, other = case.judged(STUDENT), case.judged(against)
    return f"the student's {case.title} {own:.4f} against the {against}'s {other:.4f}"


def _wanted(case: Case, difference: float, shown: float) -> str:
    """How many rows would have shown the difference that was seen: its spread falls with the root of them."""
    if difference <= 0:
        return ""
    return f", and the one seen would need about {len(case.labels) * (shown / difference) ** 2:,.0f} rows"


def not_worse(case: Case, difference: float, samples: np.ndarray, margin: float, alpha: float) -> Outcome:
    """Whether a difference is above -margin for sure, below zero for sure, or neither.

    Args:
        samples: the difference over resampled groups.
        alpha: the share of models worse by the margin that may pass.
    """
    if case.counts.groups < FEWEST_GROUPS:
        return TOO_FEW
    reach = _reach(samples, alpha)
    if difference - reach > -margin:
        return PASSED
    return FAILED if difference + reach < 0 else TOO_FEW


def _reach(samples: np.ndarray, alpha: float) -> float:
    """How far a one-sided bound is from the difference, for a normal one: 1,000 resamples end before a small alpha."""
    return NormalDist().inv_cdf(1 - alpha) * float(np.nanstd(samples))


def non_inferior(case: Case, against: str, gate: GateSettings) -> Finding:
    """Whether the student is at most by the margin worse in what judges, by a paired group bootstrap."""
    difference = case.judged(STUDENT) - case.judged(against)
    samples = judged_samples(case, against)
    outcome = not_worse(case, difference, samples, gate.margin, gate.alpha_of(case.look))
    return _bounded(
        outcome, f"{_both(case, against)}: {difference:+.4f}", "a refresh", difference, samples, gate.margin
    )


def within_tolerance(case: Case, gate: GateSettings, told: str, difference: float, samples: np.ndarray) -> Finding:
    """Whether the student is not worse than who serves, by more than the tolerance.

    At the same alpha for every look: who passes must besides be better, and that is what looks make likelier by chance.

    Args:
        told: what the difference is of; more is better.
        samples: the difference over resampled groups.
    """
    outcome = not_worse(case, difference, samples, gate.tolerance, gate.alpha)
    found = f"{told} {difference:+.4f} against the {case.reference}"
    return _bounded(outcome, found, "it", difference, samples, gate.tolerance)


def _bounded(outcome: Outcome, found: str, who: str, difference: float, samples: np.ndarray, margin: float) -> Finding:
    """A finding of a difference that may be negative, by at most ``margin``."""
    low, high = interval(samples)
    reason = f"{found} (95 % interval {low:+.4f} to {high:+.4f}); {who} may be {margin:.4f} worse"
    return Finding(outcome=outcome, reason=reason, value=difference, interval=(low, high), bound=-margin)
