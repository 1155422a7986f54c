"""The teacher against the baseline: a run stops only where an interval says so."""

import numpy as np
import pytest

from models.distillation.settings import DistillationSettings
from models.evaluation.judging import EvaluationError
from models.evaluation.metrics import roc_auc
from models.evaluation.teacher_check import compare_teacher

STOP, ACCEPT = DistillationSettings(), DistillationSettings(weak_teacher="accept")


def scored(rng: np.random.Generator, labels: np.ndarray, strength: float) -> np.ndarray:
    positive = 1 / (1 + np.exp(-(strength * (2 * labels - 1) + rng.normal(0, 1, len(labels)))))
    return np.stack([1 - positive, positive], axis=1)


@pytest.fixture
def labels(rng) -> np.ndarray:
    return (rng.random(256) < 0.4).astype(int)


def test_a_teacher_clearly_worse_than_the_baseline_stops_unless_accepted(rng, labels):
    good, poor = scored(rng, labels, 2.0), scored(rng, labels, 0.3)
    found = compare_teacher({"baseline": good, "teacher": poor}, labels, np.arange(256))
    assert found.interval[1] < found.interval[0] + 0.3 < 0.3
    with pytest.raises(
        EvaluationError, match=r"worse than the baseline: on the 256 tuning rows .*95 % interval -0\.\d"
    ):
        found.require(STOP)
    found.require(ACCEPT)
    compare_teacher({"baseline": poor, "teacher": good}, labels, np.arange(256)).require(STOP)


def test_a_teacher_that_may_as_well_be_better_is_logged_and_the_run_continues(rng, labels):
    teacher, baseline = sorted((scored(rng, labels, 1.1) for _ in range(2)), key=lambda each: roc_auc(labels, each))
    found = compare_teacher({"baseline": baseline, "teacher": teacher}, labels, np.arange(256))
    assert found.teacher < found.baseline
    assert found.interval[0] < found.teacher - found.baseline < 0 < found.interval[1]
    found.require(STOP)
    assert f"{found.teacher:.4f}" in found.sentence
    assert f"{found.interval[0]:+.4f} to {found.interval[1]:+.4f}, rows resampled one by one" in found.sentence


def test_the_same_rows_have_the_same_interval(rng, labels):
    given = {"baseline": scored(rng, labels, 1.0), "teacher": scored(rng, labels, 1.2)}
    first, again = (compare_teacher(given, labels, np.arange(256)) for _ in range(2))
    assert first == again
    assert compare_teacher(given, labels, np.arange(256), seed=1).interval != first.interval


def test_rows_of_one_group_are_drawn_together(rng, labels):
    """Sixteen copies of each row say no more than one."""
    few = {"baseline": scored(rng, labels, 1.0)[:60], "teacher": scored(rng, labels, 1.1)[:60]}
    many = {name: np.repeat(values, 16, axis=0) for name, values in few.items()}
    own, copies = labels[:60], np.repeat(labels[:60], 16)
    alone = compare_teacher(few, own, np.arange(60))
    together = compare_teacher(many, copies, np.repeat(np.arange(60), 16))
    apart = compare_teacher(many, copies, np.arange(960))
    assert together.interval == pytest.approx(alone.interval)
    assert apart.interval[1] - apart.interval[0] < 0.5 * (alone.interval[1] - alone.interval[0])
    assert (together.by_group, apart.by_group) == (True, False)
    assert "by group" in together.sentence


@pytest.mark.parametrize(("groups", "said"), [(1, "1 group,"), (5, "5 groups,"), (6, None)])
def test_a_run_never_stops_on_what_fewer_than_six_groups_say(rng, labels, groups, said):
    given = {"baseline": scored(rng, labels, 2.0), "teacher": scored(rng, labels, 0.3)}
    found = compare_teacher(given, labels, np.arange(256) % groups)
    assert found.teacher < found.baseline
    if said is None:
        with pytest.raises(EvaluationError, match="worse than the baseline"):
            found.require(STOP)
    else:
        found.require(STOP)
        assert found.interval is None
        assert f"too few to say whether that is chance: {said} 6 are needed" in found.sentence


def test_single_rows_can_be_too_few_as_well(rng):
    labels = np.array([0, 1, 0, 1])
    given = {"baseline": scored(rng, labels, 5.0), "teacher": scored(rng, 1 - labels, 5.0)}
    found = compare_teacher(given, labels, np.arange(4))
    found.require(STOP)
    assert "too few to say whether that is chance: 4 rows," in found.sentence


def test_a_class_without_a_tuning_row_is_named(rng, labels):
    given = {"baseline": scored(rng, labels, 1.0), "teacher": scored(rng, labels, 1.0)}
    with pytest.raises(EvaluationError, match="no tuning row has the class with index 1: .*window.tuning_share"):
        compare_teacher(given, np.zeros(256, int), np.arange(256))
