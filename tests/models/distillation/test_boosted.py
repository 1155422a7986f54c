"""The boosted teacher: it reads dense values and what a raw network says, and takes what is missing."""

import numpy as np
import pytest

from models.distillation.boosted import BoostedTeacher
from models.evaluation.metrics import roc_auc


@pytest.fixture
def rows(rng):
    """600 rows whose label depends on a dense value, a missing one, and a raw network's logits."""
    labels = rng.integers(2, size=600)
    dense = np.stack(
        [
            np.exp(labels + rng.normal(size=600)),
            np.where(rng.random(600) < 0.4 * labels, np.nan, rng.normal(size=600)),
            np.full(600, np.nan),
            np.full(600, np.inf),
        ],
        axis=1,
    )
    raw = np.stack([-labels, labels], axis=1) * 0.5 + rng.normal(size=(600, 2))
    return dense, raw, labels


def test_both_sides_are_worth_something(rows):
    dense, raw, labels = rows
    known, rest = slice(0, 400), slice(400, 600)
    found = {}
    for name, columns in (("both", (dense, raw)), ("raw", (dense * np.nan, raw)), ("dense", (dense, raw * 0))):
        teacher = BoostedTeacher(0).fit(*(each[known] for each in columns), labels[known])
        said = teacher.log_probabilities(*(each[rest] for each in columns))
        np.testing.assert_allclose(np.exp(said).sum(1), 1, atol=1e-4)
        found[name] = roc_auc(labels[rest], np.exp(said))
    assert found["both"] > max(found["raw"], found["dense"]) > 0.65


def test_it_is_a_function_of_rows_and_seed(rows):
    dense, raw, labels = rows
    one, same = (BoostedTeacher(3).fit(dense, raw, labels).log_probabilities(dense, raw) for _ in range(2))
    np.testing.assert_array_equal(one, same)


def test_balanced_rows_lift_a_rare_class(rows):
    dense, raw, labels = rows
    rare = np.flatnonzero((labels == 0) | (np.arange(600) % 8 == 0))
    plain, balanced = (
        BoostedTeacher(0, each).fit(dense[rare], raw[rare], labels[rare]).log_probabilities(dense, raw)[:, 1].mean()
        for each in (False, True)
    )
    assert balanced > plain + 0.2
