"""The sample to label tells two models apart, and its weights make it stand for all."""

import numpy as np
import pytest

from promotion.gate.sampling import AGREE, DIFFER, to_label


def test_weighted_counts_of_samples_are_those_of_all(rng):
    truth = rng.random(4_000) < 0.1
    own, other = ((truth ^ (rng.random(4_000) < 0.05)).astype(int) for _ in range(2))

    def gained(rows: np.ndarray, weight: np.ndarray | float) -> float:
        """Right decisions of the one less those of the other."""
        better = (own[rows] == truth[rows]).astype(int) - (other[rows] == truth[rows])
        return float((better * weight).sum())

    everything = np.arange(4_000)
    found = []
    for seed in range(300):
        drawn = to_label(own, other, 100, seed)
        assert len(drawn) == 100
        assert drawn.weight.sum() == pytest.approx(4_000)
        found.append(gained(drawn.row.to_numpy(), drawn.weight.to_numpy()))
    spread = np.std(found) / np.sqrt(300)
    assert np.mean(found) == pytest.approx(gained(everything, 1), abs=4 * spread)
    plain = [gained(rows, 40) for seed in range(300) if (rows := rng.choice(4_000, 100, replace=False)) is not None]
    assert np.std(found) < np.std(plain) / 2, "as many labels drawn plainly would say much less"


def test_most_are_of_videos_decided_differently_and_what_lacks_is_filled_up():
    own = np.zeros(100, int)
    other = np.array([1] * 30 + [0] * 70)
    assert to_label(own, other, 20, 0).stratum.value_counts().to_dict() == {DIFFER: 15, AGREE: 5}
    assert to_label(own, other, 60, 0).stratum.value_counts().to_dict() == {DIFFER: 30, AGREE: 30}
    assert len(to_label(own, other, 500, 0)) == 100
    assert (to_label(own, other, 500, 0).weight == 1).all()
    assert to_label(own, own, 10, 0).stratum.unique().tolist() == [AGREE]
    assert to_label(own, own + 1, 10, 0).stratum.unique().tolist() == [DIFFER]
