"""What any model must have: a value of its own, and as much as what anyone would try first."""

from models.evaluation.judging import STUDENT
from promotion.gate.case import Case
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import FAILED, PASSED, Finding


def least(case: Case, gate: GateSettings) -> Finding:
    """At least the value that the task file asks for."""
    own = case.judged(STUDENT)
    if gate.least is None:
        return Finding(outcome=PASSED, reason=f"the task asks for no {case.title} of its own", value=own)
    reason = f"the student's {case.title} {own:.4f}; the task asks for {gate.least:.4f}"
    return Finding(outcome=PASSED if own >= gate.least else FAILED, reason=reason, value=own, bound=gate.least)


def simple_peers(case: Case, _: GateSettings) -> Finding:
    """Not below the best simple peer of raw input, such as TF-IDF and logistic regression, which costs seconds."""
    if not case.peers:
        return Finding(outcome=PASSED, reason="there is no simple peer to compare with")
    peer = max(case.peers, key=case.judged)
    own, other = case.judged(STUDENT), case.judged(peer)
    behind = own < other
    where = "below" if behind else "not below"
    reason = f"the student's {case.title} {own:.4f} is {where} the {other:.4f} of the best simple peer ({peer})"
    return Finding(outcome=FAILED if behind else PASSED, reason=reason, value=own, bound=other)
