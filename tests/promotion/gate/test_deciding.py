"""The verdict: what outweighs what, and what cannot be judged at all."""

from dataclasses import replace

import numpy as np
import pytest
from cases import case

from promotion.gate.case import GateError, Predictions
from promotion.gate.checks import CHECKS
from promotion.gate.deciding import decide, promoted
from promotion.gate.policy import CheckName, GateSettings, changed_settings


def test_a_student_passes_that_every_required_check_passes():
    verdict = decide(case(), GateSettings())
    assert verdict.passed
    assert [check.name for check in verdict.checks] == list(CHECKS)
    assert "not below the" in verdict.reason
    assert "against the baseline's" in verdict.reason
    assert promoted(case(), GateSettings())


def test_what_fails_outweighs_what_has_too_few_rows_and_is_told_first():
    both = case(100, **{"TF-IDF": 3.0})
    verdict = decide(both, GateSettings())
    assert verdict.outcome == "failed"
    assert verdict.reason.startswith("the student's F1")
    assert "is below the" in verdict.reason
    assert not promoted(both, GateSettings())


def test_too_few_rows_are_a_verdict_of_their_own():
    few = case(140, seed=2)
    verdict = decide(
        few, GateSettings(checks={"baseline": "off", "slices": "off", "ranking": "off", "calibration": "off"})
    )
    assert verdict.outcome == "not enough rows"
    assert not verdict.passed
    assert "50 are asked for" in verdict.reason


def test_an_advisory_check_is_told_and_decides_nothing_and_one_that_is_off_is_not_run():
    behind = case(**{"TF-IDF": 2.0})
    verdict = decide(behind, GateSettings(checks={"simple_peers": "advisory", "slices": "off"}))
    assert verdict.passed
    assert {check.name: check.outcome for check in verdict.checks}["simple_peers"] == "failed"
    assert "is below the" in verdict.reason
    assert "slices" not in {check.name for check in verdict.checks}


def test_the_same_case_is_always_decided_alike():
    assert decide(case(), GateSettings()) == decide(case(), GateSettings())


def test_the_policy_knows_every_check_and_refuses_others():
    assert set(CHECKS) == set(CheckName.__args__)
    with pytest.raises(ValueError, match="checks"):
        GateSettings(checks={"beauty": "required"})
    assert GateSettings.model_validate({"checks": {"slices": False}}).level("slices") == "off"  # YAML's off


def test_all_looks_together_spend_alpha():
    spent = [GateSettings(alpha=0.05).alpha_of(look) for look in range(1, 20_000)]
    assert spent[0] == pytest.approx(0.0304, abs=1e-4)
    assert sum(spent) == pytest.approx(0.05, abs=1e-4)


def test_a_refresh_is_what_changes_nothing_that_makes_a_student():
    champion = {"seed": 0, "training": {"epochs": 3, "decay": 0.1}, "classes": ["a", "b"], "gate": {"alpha": 0.05}}
    assert changed_settings({**champion, "seed": 1, "gate": {}}, champion) == {}
    other = {**champion, "training": {"epochs": 4, "decay": 0.1}, "new": None}
    assert changed_settings(other, champion) == {"training.epochs": (3, 4)}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda _: {"labels": np.zeros(2_000, int)}, "no evaluation row has the class yes"),
        (lambda c: {"models": {k: v for k, v in c.models.items() if k != "baseline"}}, "no predictions of baseline"),
        (lambda c: {"groups": c.groups[:7]}, "groups are not of these 2000 rows"),
        (lambda _: {"slices": {"published": np.array(["a"])}}, "published are not of these 2000 rows"),
        (
            lambda c: {"models": {**c.models, "student": nan(c.models["student"])}},
            "student has scores that are no numbers",
        ),
        (
            lambda c: {"models": {**c.models, "student": fewer(c.models["student"])}},
            "predictions of student are not of",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_sentence(wrong, told):
    sound = case()
    with pytest.raises(GateError, match=told):
        replace(sound, **wrong(sound))


def nan(of: Predictions) -> Predictions:
    return replace(of, probabilities=np.where(np.arange(2_000)[:, None] == 3, np.nan, of.probabilities))


def fewer(of: Predictions) -> Predictions:
    return Predictions(of.probabilities[1:], of.decisions[1:])


def test_where_nothing_is_asked_a_student_passes_and_the_reason_says_so():
    verdict = decide(case(), GateSettings(checks=dict.fromkeys(CHECKS, "off")))
    assert verdict.passed
    assert verdict.reason == "the task asks for nothing: every check is off"
