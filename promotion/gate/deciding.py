"""The gate: a pure function from predictions on the same rows to a verdict with its reasons."""

from collections.abc import Sequence

from promotion.gate.case import Case
from promotion.gate.checks import CHECKS
from promotion.gate.policy import CheckName, GateSettings
from promotion.gate.verdict import FAILED, PASSED, TOO_FEW, Check, Outcome, Verdict

NOTHING_ASKED = "the task asks for nothing: every check is off"


def decide(case: Case, gate: GateSettings) -> Verdict:
    """Pass a student that every required check passes. One that fails outweighs one that has not enough rows."""
    checks = [run(name, case, gate) for name in CHECKS if gate.level(name) != "off"]
    required = [check for check in checks if check.level == "required"]
    failed, few = ([check for check in required if check.outcome == outcome] for outcome in (FAILED, TOO_FEW))
    outcome: Outcome = FAILED if failed else TOO_FEW if few else PASSED
    return Verdict(
        outcome=outcome,
        reason="; ".join(check.reason for check in failed or few or _telling(checks)) or NOTHING_ASKED,
        checks=tuple(checks),
        policy=case.policy,
        champion=case.champion,
        changed=dict(case.changed),
        look=case.look,
        alpha=gate.alpha_of(case.look),
    )


def run(name: CheckName, case: Case, gate: GateSettings) -> Check:
    """What one check finds."""
    level = gate.level(name)
    assert level != "off"  # noqa: S101 - nobody asks for it
    return Check(**CHECKS[name](case, gate).model_dump(), name=name, level=level)


def promoted(case: Case, gate: GateSettings) -> bool:
    """Whether ``decide`` would pass it, without the checks behind the first that does not."""
    return all(run(name, case, gate).outcome == PASSED for name in CHECKS if gate.level(name) == "required")


def _telling(checks: Sequence[Check]) -> list[Check]:
    """Of a student that passed: what it was held against, or whatever was asked."""
    return [check for check in checks if check.name in ("baseline", "champion", "simple_peers")] or list(checks)
