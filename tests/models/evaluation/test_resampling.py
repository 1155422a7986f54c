"""How sure a metric is: resamples and swaps by group."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from models.evaluation.metrics import Ruler
from models.evaluation.resampling import (
    GroupCounts,
    ranking_differences,
    resampled_weights,
    swap_test,
    weighted_pr_auc,
    weighted_roc_auc,
)


def decided(rng, labels, errors):
    """The labels (N,) with that share of them wrong."""
    return np.where(rng.random(len(labels)) < errors, 1 - labels, labels)


@pytest.fixture
def labels(rng):
    return (rng.random(400) < 0.3).astype(int)


@pytest.mark.parametrize("judge", ["f1", "macro_f1", "mcc"])
def test_resamples_agree_with_the_metric_and_pair_the_models(rng, labels, judge):
    own, ruler = decided(rng, labels, 0.2), Ruler(judge, 2)
    samples = ruler.values(GroupCounts.of(labels, [own, own], 2).resampled(seed=0))
    assert (samples[:, 0] == samples[:, 1]).all()
    assert samples[:, 0].mean() == pytest.approx(float(ruler.values(ruler.confusion(labels, own))), abs=0.01)


@pytest.mark.parametrize("classes", [2, 3])
def test_counts_of_groups_add_up_and_rows_of_a_group_stay_together(rng, classes):
    labels, first, second = rng.integers(classes, size=(3, 60))
    groups = rng.integers(12, size=60)
    counts = GroupCounts.of(labels, [first, second], classes, groups)
    ruler = Ruler("macro_f1", classes)
    np.testing.assert_array_equal(counts.total, [ruler.confusion(labels, each) for each in (first, second)])
    assert counts.groups == len(np.unique(groups))
    copies = GroupCounts.of(
        np.tile(labels, 2), [np.tile(first, 2), np.tile(second, 2)], classes, np.tile(np.arange(60), 2)
    )
    alone = GroupCounts.of(labels, [first, second], classes)
    np.testing.assert_array_equal(copies.resampled(seed=1), 2 * alone.resampled(seed=1))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_swap_exchanges_the_decisions_of_whole_groups(rng, classes):
    labels, first, second = rng.integers(classes, size=(3, 40))
    groups = np.repeat(np.arange(8), 5)
    own, other = GroupCounts.of(labels, [first, second], classes, groups).swapped(0, 1, seed=0, swaps=300)
    ruler, possible = Ruler("f1", classes), set()
    for coins in range(2**8):
        swap = (coins >> groups) % 2 == 1
        counted = [np.where(swap, second, first), np.where(swap, first, second)]
        possible.add(tuple(np.ravel([ruler.confusion(labels, each) for each in counted])))
    found = {tuple(map(int, np.ravel(pair))) for pair in zip(own, other, strict=True)}
    assert found <= possible
    assert len(found) > 0.5 * len(possible)


def test_the_swap_test_tells_a_better_model_from_an_equal_one(rng, labels):
    ruler, good, bad = Ruler("f1", 2), decided(rng, labels, 0.1), decided(rng, labels, 0.3)
    counts = GroupCounts.of(labels, [good, bad, bad], 2)
    assert swap_test(counts, ruler, 0, 1, seed=0).p_value < 0.001
    assert swap_test(counts, ruler, 1, 0, seed=0).p_value > 0.999
    same = swap_test(counts, ruler, 1, 2, seed=0)
    assert (same.difference, same.p_value, same.spread) == (0, 1, 0)


def test_copies_of_rows_do_not_make_a_difference_surer_where_their_group_is_known(rng, labels):
    ruler, good, bad = Ruler("f1", 2), decided(rng, labels, 0.2), decided(rng, labels, 0.24)
    alone = swap_test(GroupCounts.of(labels, [good, bad], 2), ruler, 0, 1, seed=0)
    rows = [np.tile(each, 9) for each in (labels, good, bad)]
    together = swap_test(GroupCounts.of(rows[0], rows[1:], 2, np.tile(np.arange(400), 9)), ruler, 0, 1, seed=0)
    apart = swap_test(GroupCounts.of(rows[0], rows[1:], 2), ruler, 0, 1, seed=0)
    assert together.p_value == pytest.approx(alone.p_value)
    assert apart.p_value < alone.p_value / 2


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(
    ("weighted", "of"), [(weighted_roc_auc, roc_auc_score), (weighted_pr_auc, average_precision_score)]
)
def test_resampled_rankings_are_those_of_weighted_rows_ties_included(rng, weighted, of, classes):
    labels = rng.integers(classes, size=120)
    first, second = (np.round(rng.dirichlet(np.ones(classes), 120), 1) for _ in range(2))
    found = ranking_differences(weighted, labels, first, second, np.arange(120), seed=3, resamples=20)
    draws = list(resampled_weights(np.arange(120), seed=3, resamples=20))
    assert {draw.sum() for draw in draws} == {120}
    columns = [1] if classes == 2 else range(classes)

    def metric(scores, weights):
        return np.mean([of(labels == c, scores[:, c], sample_weight=weights) for c in columns])

    expected = [metric(first, draw) - metric(second, draw) for draw in draws]
    np.testing.assert_allclose(found, expected, atol=1e-12)
