"""Metrics and the judgement made of them."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from models.evaluation.judging import EvaluationError, evaluate
from models.evaluation.metrics import best_threshold, f1, pr_auc, roc_auc
from models.evaluation.resampling import bootstrap_f1


def scored(rng: np.random.Generator, labels: np.ndarray, strength: float) -> np.ndarray:
    positive = 1 / (1 + np.exp(-(strength * (2 * labels - 1) + rng.normal(0, 1, len(labels)))))
    return np.stack([1 - positive, positive], axis=1)


def test_the_threshold_is_the_best_of_all(rng):
    labels = (rng.random(300) < 0.2).astype(int)
    scores = scored(rng, labels, 1.0)[:, 1]
    chosen = f1_score(labels, scores >= best_threshold(scores, labels))
    assert chosen == pytest.approx(max(f1_score(labels, scores >= each) for each in np.unique(scores)))


def test_known_areas():
    labels = np.array([0, 0, 1, 1])
    perfect = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    assert roc_auc(labels, perfect) == pr_auc(labels, perfect) == 1
    three = np.eye(3)[[0, 1, 2]]
    assert roc_auc(np.array([0, 1, 2]), three) == 1
    assert f1(np.array([0, 1, 2]), np.array([0, 1, 1]), 3) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_bootstrap_agrees_with_the_metric_and_pairs_the_models(rng):
    labels = (rng.random(400) < 0.3).astype(int)
    decided = (scored(rng, labels, 1.0)[:, 1] > 0.5).astype(int)
    samples = bootstrap_f1(labels, [decided, decided], 2, seed=0)
    assert (samples[:, 0] == samples[:, 1]).all()
    assert samples[:, 0].mean() == pytest.approx(f1(labels, decided, 2), abs=0.01)


def test_a_better_student_closes_the_gap(rng):
    labels = (rng.random(2_000) < 0.3).astype(int)
    judging = np.arange(2_000) >= 500
    probabilities = {
        name: scored(rng, labels, s) for name, s in (("baseline", 0.4), ("student", 0.8), ("teacher", 1.2))
    }
    found = evaluate(probabilities, labels, judging, ("no", "yes"), 0)
    assert 0.2 < found.gap_closed["f1"] < 0.8
    assert found.difference_interval[0] < found.difference < found.difference_interval[1]
    assert found.rows == {"tuning": 500, "evaluation": 1_500}


def test_the_gap_is_not_defined_without_a_better_teacher(rng):
    labels = (rng.random(400) < 0.3).astype(int)
    same = scored(rng, labels, 0.5)
    names = ("baseline", "student", "teacher")
    found = evaluate(dict.fromkeys(names, same), labels, np.arange(400) > 99, ("no", "yes"), 0)
    assert set(found.gap_closed.values()) == {None}


def test_a_class_without_rows_is_named(rng):
    labels = np.zeros(100, int)
    labels[:10] = 1
    with pytest.raises(EvaluationError, match="no evaluation row has the class yes"):
        evaluate({"student": scored(rng, labels, 1)}, labels, np.arange(100) >= 50, ("no", "yes"), 0)
