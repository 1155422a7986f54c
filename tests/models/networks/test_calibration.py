"""Logits at the scale and shifts that suit the labels."""

import numpy as np
import pytest

from models.networks.calibration import calibrate


def test_what_is_added_to_a_wide_path_gets_the_share_that_labels_bear_out(rng):
    labels = rng.integers(0, 3, 4_000)
    wide, own = (2 * np.eye(3)[labels] + 2 * rng.gumbel(size=(4_000, 3)) for _ in range(2))
    sure = calibrate(wide + 5 * own, labels, wide)
    assert sure.share == pytest.approx(0.2, abs=0.03)
    assert sure.loss == pytest.approx(calibrate(wide + sure.share * 5 * own, labels).loss, abs=1e-5)
    assert sure.loss < calibrate(wide + 5 * own, labels).loss
    assert calibrate(wide + 0.2 * own, labels, wide).share == 1.0  # what is too small is left as it is
    assert calibrate(wide + rng.permutation(own), labels, wide).share < 0.05
    assert calibrate(own, labels).share == 1.0


def test_calibrated_probabilities_have_the_shares_of_the_labels(rng):
    labels = rng.integers(0, 3, 2_000)
    found = calibrate(9 * (np.eye(3)[labels] + rng.gumbel(size=(2_000, 3))) + [5, 0, 0], labels)
    assert found.probabilities.sum(1) == pytest.approx(1)
    assert found.probabilities.mean(0) == pytest.approx(np.bincount(labels) / 2_000, abs=1e-3)
    assert -np.log(found.probabilities[np.arange(2_000), labels]).mean() == pytest.approx(found.loss)
