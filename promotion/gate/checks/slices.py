"""Whether what is won on the whole is lost in a part."""

import numpy as np

from models.evaluation.judging import STUDENT
from models.evaluation.resampling import GroupCounts, interval, swap_test
from models.studies.statistics import holm
from promotion.gate.case import SEED, Case
from promotion.gate.comparing import judged_samples
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import FAILED, PASSED, TOO_FEW, Finding, Part


def slices(case: Case, gate: GateSettings) -> Finding:
    """In no slice surely worse than the champion (or the baseline), and by more than the tolerance there.

    Slices with too few positives are not judged. The p-values are corrected for how many slices are (Holm 1979).
    """
    named = ((f"{by}: {name}", names == name) for by, names in case.slices.items() for name in np.unique(names))
    judged = [(name, rows) for name, rows in named if _positives(case, rows) >= gate.fewest_slice_positives]
    if not judged:
        return Finding(outcome=TOO_FEW, reason=f"no slice has {gate.fewest_slice_positives} positives")
    found = [_part(case, name, rows) for name, rows in judged]
    corrected = holm([part.p_value for part in found])
    parts = tuple(part.model_copy(update={"p_value": p}) for part, p in zip(found, corrected, strict=True))
    # Not less with every look: to look often makes harm no likelier by chance than it is.
    lost = [part for part in parts if part.p_value <= gate.alpha and part.difference < -gate.slice_tolerance]
    worst = min(parts, key=lambda part: part.difference)
    told = ", ".join(f"{part.name} {part.difference:+.4f}" for part in lost or [worst])
    reason = (
        f"{case.title} against the {case.reference} is worse in {told}"
        if lost
        else f"in none of {len(parts)} slices surely worse than the {case.reference} by {gate.slice_tolerance:.2f}; "
        f"the least is {told}"
    )
    return Finding(
        outcome=FAILED if lost else PASSED,
        reason=reason,
        value=worst.difference,
        interval=worst.interval,
        bound=-gate.slice_tolerance,
        parts=parts,
    )


def _positives(case: Case, rows: np.ndarray) -> int:
    """Rows of the slice's rarest class."""
    return int(np.bincount(case.labels[rows], minlength=len(case.classes)).min())


def _part(case: Case, name: str, rows: np.ndarray) -> Part:
    decisions = [each.decisions[rows] for each in case.models.values()]
    counts = GroupCounts.of(case.labels[rows], decisions, len(case.classes), case.groups[rows])
    student, reference = case.place(STUDENT), case.place(case.reference)
    worse = swap_test(counts, case.ruler, reference, student, SEED)
    return Part(
        name=name,
        rows=int(rows.sum()),
        positives=_positives(case, rows),
        difference=-worse.difference,
        interval=interval(judged_samples(case, case.reference, counts)),
        p_value=worse.p_value,
    )
