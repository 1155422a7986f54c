"""One rule ends all trainings: it favours neither who is sure of himself nor who takes more steps an epoch."""

import numpy as np
import pytest

from models.networks.calibration import calibrate
from models.training.settings import TrainingSettings
from models.training.stopping import Stop

SETTINGS = TrainingSettings(patience=20, least_steps=30, warmup_share=0.1)


def ended(losses, steps, settings=SETTINGS, total=1_000) -> tuple[int, int]:
    """The epochs (from 0) with the least loss and after which the training ends."""
    stop, best = Stop(), 0
    for epoch, loss in enumerate(losses):
        if loss < stop.least:
            best = epoch
        stop = stop.after(loss, steps if epoch else 0, epoch * steps, settings, total)
        if stop.stale >= settings.patience:
            return best, epoch
    return best, len(losses)


@pytest.fixture
def epochs(rng):
    """A network's logits of 400 tuning rows by epoch: it learns, and then memorises."""
    labels = (rng.random(400) < 0.4).astype(int)
    noise = rng.normal(size=(400, 2))
    strengths = [0.0, 0.4, 0.8, 1.1, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    return labels, [strength * np.eye(2)[labels] + noise for strength in strengths]


def test_networks_that_rank_alike_stop_at_the_same_epoch(epochs):
    """Hard labels make logits large, soft targets small and shifted to a class: neither has a say in when to stop."""
    labels, by_epoch = epochs
    hard = [calibrate(logits * 8 * (1 + epoch), labels).loss for epoch, logits in enumerate(by_epoch)]
    soft = [calibrate(logits * 0.3 + [0.4, 0.0], labels).loss for logits in by_epoch]
    assert hard == pytest.approx(soft, abs=1e-4)
    assert ended(hard, 10) == ended(soft, 10)
    assert ended(hard, 10)[0] == 3
    margins = [(2 * labels - 1) * np.diff(logits * 8 * (1 + epoch))[:, 0] for epoch, logits in enumerate(by_epoch)]
    assert np.argmin([np.logaddexp(0, -each).mean() for each in margins]) != 3  # what the loss as it is would have said


def test_patience_is_counted_in_steps_after_the_warm_up_and_the_least_steps():
    worse = np.linspace(1, 2, 100)
    assert ended(worse, 10)[1] * 10 > 100 + 20 - 10  # warm-up is a tenth of 1,000 steps
    assert ended(worse, 10, total=100)[1] * 10 == 30 + 20
    assert ended(worse, 5, total=100)[1] * 5 == 30 + 20  # the same number of steps in epochs of half the length


def test_one_epoch_that_is_worse_by_chance_does_not_end_a_training_that_improves():
    losses = [1.0, 0.9, 0.8, 0.7, 0.72, 0.6, 0.62, 0.5, 0.52, 0.4, 0.42]
    assert ended(losses, 10, total=100)[1] == len(losses)
