"""Each check: a clear win, a clear loss, and a tie or too little to tell."""

from dataclasses import replace

import numpy as np
import pytest
from cases import case, predictions

from models.evaluation.cost import AnswerCost
from promotion.gate.case import Case
from promotion.gate.checks import CHECKS
from promotion.gate.deciding import run
from promotion.gate.policy import GateSettings
from promotion.gate.verdict import FAILED, PASSED, TOO_FEW


def lost_late(of: Case) -> Case:
    """The student knows nothing of the late half's labels, and all of the early half's."""
    late = of.slices["published"] == "late"
    signal = np.where(late, 0.01, 4.0)
    noise = np.random.default_rng(3).standard_normal(len(late))
    return replace(of, models={**of.models, "student": predictions(of.labels, noise, signal)})


def costing(megabytes: float, milliseconds: float) -> Case:
    return replace(case(), answers={"student": AnswerCost(megabytes=megabytes, milliseconds=milliseconds)})


BOUNDS = {"most_megabytes": 5, "most_milliseconds": 20}
SCENARIOS = {
    "simple_peers": [
        (PASSED, lambda: case(), {}),
        (FAILED, lambda: case(**{"TF-IDF": 2.0}), {}),
        (PASSED, lambda: replace(case(), peers=["student"]), {}),  # a tie is not below
    ],
    "baseline": [
        (PASSED, lambda: case(), {}),
        (FAILED, lambda: case(student=1.0, baseline=1.5), {}),
        (TOO_FEW, lambda: case(200, student=1.1), {}),
        (FAILED, lambda: case(100_000, student=1.0, baseline=1.0), {}),  # enough rows to rule a gain out
    ],
    "champion": [
        (PASSED, lambda: case(champion=1.0), {}),
        (FAILED, lambda: case(student=1.0, champion=1.5), {}),
        (TOO_FEW, lambda: case(200, student=1.1, champion=1.0), {}),
        (PASSED, lambda: replace(case(60_000, champion=1.5), policy="refresh"), {}),  # a tie does for a refresh
        (FAILED, lambda: replace(case(20_000, champion=1.7), policy="refresh"), {}),
        (TOO_FEW, lambda: replace(case(300, champion=1.5), policy="refresh"), {}),
        (PASSED, lambda: case(), {}),  # the first
        (FAILED, lambda: replace(case(), lost="version 3, the champion, cannot be scored: no archive"), {}),
    ],
    "positives": [
        (PASSED, lambda: case(), {}),
        (TOO_FEW, lambda: case(100), {}),
        (TOO_FEW, lambda: case(300, prevalence=0.95), {}),  # it is the rarest class that counts
    ],
    "least": [
        (PASSED, lambda: case(), {"least": 0.3}),
        (FAILED, lambda: case(), {"least": 0.99}),
        (PASSED, lambda: case(), {}),
    ],
    "ranking": [
        (PASSED, lambda: case(), {}),
        (FAILED, lambda: case(student=1.0, baseline=1.5), {}),
        (TOO_FEW, lambda: case(200, student=1.0), {}),
    ],
    "slices": [
        (PASSED, lambda: case(), {}),
        (FAILED, lambda: lost_late(case()), {}),
        (TOO_FEW, lambda: case(100), {}),
    ],
    "calibration": [
        (PASSED, lambda: case(), {}),
        (FAILED, lambda: case(sharpness=9.0, baseline=1.5), {}),
        (TOO_FEW, lambda: case(60, student=1.0), {}),
    ],
    "gap_closed": [
        (PASSED, lambda: case(student=1.8), {}),
        (FAILED, lambda: case(student=1.05), {}),
        (PASSED, lambda: case(teacher=0.9), {}),  # no gap
    ],
    "recall_volume": [
        (PASSED, lambda: case(), {}),
        (FAILED, lambda: case(student=1.0, baseline=2.0), {}),
        (TOO_FEW, lambda: case(200, student=1.0), {}),
    ],
    "cost": [
        (PASSED, lambda: costing(5, 20), BOUNDS),
        (FAILED, lambda: costing(5.1, 20), BOUNDS),
        (FAILED, lambda: costing(5, 20.1), BOUNDS),
        (PASSED, lambda: costing(500, 2_000), {}),
        (TOO_FEW, lambda: case(), BOUNDS),
    ],
    "data": [
        (PASSED, lambda: case(), {}),
        (FAILED, lambda: replace(case(), warnings=["titles are short"]), {}),
        (PASSED, lambda: case(100), {}),
    ],
}


def test_every_check_has_three_scenarios():
    assert list(SCENARIOS) == list(CHECKS)
    assert all(len(each) >= 3 for each in SCENARIOS.values())


@pytest.mark.parametrize(
    ("name", "outcome", "judged", "settings"), [(name, *each) for name, found in SCENARIOS.items() for each in found]
)
def test_check(name, outcome, judged, settings):
    found = run(name, judged(), GateSettings(checks={name: "required"}, **settings))
    assert found.outcome == outcome, found.reason
    assert found.reason


def test_a_better_model_is_told_with_its_figures_and_too_few_rows_with_what_they_would_show():
    better = run("baseline", case(), GateSettings())
    assert better.interval[0] < better.value < better.interval[1]
    assert f"{better.value:+.4f}" in better.reason
    few = run("baseline", case(200, student=1.1), GateSettings())
    assert "the smallest difference that these rows would show is 0." in few.reason


def test_repeated_looks_at_the_same_rows_ask_for_more_each_time():
    judged = case(1_200, student=1.3)
    found = [run("baseline", replace(judged, look=look), GateSettings()) for look in (1, 10, 25)]
    assert [each.outcome for each in found] == [PASSED, TOO_FEW, TOO_FEW]
    assert "these rows have judged 25 candidates" in found[-1].reason


def test_what_is_lost_in_a_slice_is_named_and_each_slice_has_its_figures():
    found = run("slices", lost_late(case()), GateSettings())
    assert "worse in published: late" in found.reason
    assert [part.name for part in found.parts] == ["published: early", "published: late"]
    early, late = found.parts
    assert late.difference < -0.05 < early.difference
    assert late.interval[0] < late.difference < late.interval[1]
    assert late.rows == 1_000


def test_more_than_two_classes_are_judged_alike():
    random = np.random.default_rng(0)
    labels = random.integers(3, size=900)
    scores = {
        name: random.dirichlet(np.ones(3), 900) + how * np.eye(3)[labels]
        for name, how in {"student": 2.0, "baseline": 0.5, "teacher": 3.0, "TF-IDF": 0.3}.items()
    }
    models = {name: each / each.sum(1, keepdims=True) for name, each in scores.items()}
    two = case()
    three = replace(
        two,
        labels=labels,
        groups=np.arange(900),
        classes=("a", "b", "c"),
        ruler=replace(two.ruler, classes=3),
        models={name: type(two.models["student"])(each, each.argmax(1)) for name, each in models.items()},
        slices={"published": np.where(np.arange(900) < 450, "early", "late")},
    )
    assert {run(name, three, GateSettings(checks={name: "required"})).outcome for name in CHECKS} == {PASSED}


def test_a_loss_in_a_slice_is_a_loss_at_every_look():
    assert run("slices", replace(lost_late(case()), look=40), GateSettings()).outcome == FAILED


def test_few_groups_are_too_few_however_many_rows_they_have():
    same = replace(case(), groups=np.zeros(2_000, int))
    found = {
        name: run(name, same, GateSettings(checks={name: "required"})).outcome
        for name in ("baseline", "ranking", "calibration", "recall_volume")
    }
    assert set(found.values()) == {TOO_FEW}


def test_who_decides_on_no_video_has_no_volume_to_equal():
    of = case()
    silent = replace(of.models["baseline"], decisions=np.zeros(2_000, int))
    found = run("recall_volume", replace(of, models={**of.models, "baseline": silent}), GateSettings())
    assert found.outcome == PASSED
    assert "decides on no video" in found.reason
