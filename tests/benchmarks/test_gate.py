"""The simulation of the gate: its models are as good as they are said to be, and few that are not better pass."""

import numpy as np
import pytest

from benchmarks.gate import SIGNAL, best_f1, error_worlds, share_promoted, weaker, world
from models.evaluation.judging import BASELINE, STUDENT

DRAWS = 40


@pytest.mark.parametrize("prevalence", [0.1, 0.5])
def test_a_weaker_model_is_weaker_by_as_much_as_is_said(prevalence):
    signal = weaker(0.05, prevalence)
    assert best_f1(SIGNAL, prevalence) - best_f1(signal, prevalence) == pytest.approx(0.05, abs=1e-3)
    case = world(100_000, prevalence, 1, 0.9, {BASELINE: signal}).draw(seed=0)
    assert case.judged(STUDENT) == pytest.approx(best_f1(SIGNAL, prevalence), abs=0.015)
    assert case.judged(STUDENT) - case.judged(BASELINE) == pytest.approx(0.05, abs=0.01)


def test_videos_of_one_group_are_alike_and_models_make_the_same_errors():
    case = world(20_000, 0.1, 10, 0.9, {}).draw(seed=0)
    wrong = {name: each.decisions != case.labels for name, each in case.models.items()}
    by_group = wrong[STUDENT].reshape(-1, 10).mean(1)
    assert by_group.var() > 1.4 * wrong[STUDENT].mean() * (1 - wrong[STUDENT].mean()) / 10
    assert np.corrcoef(wrong[STUDENT], wrong[BASELINE])[0, 1] > 0.4


@pytest.mark.parametrize("kind", list(error_worlds(1_000)))
def test_few_students_pass_that_should_not(kind):
    worlds = error_worlds(1_000)[kind]
    shares = [share_promoted(each, DRAWS) for each in worlds[4:8]]  # prevalence 10 %
    # Of 160 draws at 3 % more than 12 have a chance of 0.1 %.
    assert np.mean(shares) <= 12 / (4 * DRAWS)


def test_a_much_better_student_passes():
    assert share_promoted(world(5_000, 0.1, 1, 0.9, {BASELINE: weaker(0.08, 0.1)}), 10) == 1
