"""The exponential-decay mapping and the methods that use it (METHODS 1.3)."""

import numpy as np
import pytest

from models.confidence import ExponentialDecay, fit_alpha_map
from models.dataset import SoftTargets
from models.distillation import sample_alphas
from models.settings import DistillationSettings


def test_endpoints_clamp_and_order():
    mapping = ExponentialDecay(0.1, 0.9, loss_min=0.0, loss_max=3.0)
    assert mapping(np.array([0.0, 3.0, 300.0])) == pytest.approx([0.9, 0.1, 0.1])
    assert (np.diff(mapping(np.linspace(0, 10, 200))) <= 0).all()


def test_the_papers_mean_losses_give_the_tabulated_alphas():
    mapping = ExponentialDecay(0.1, 0.9, loss_min=0.0, loss_max=3.0)
    assert mapping(np.array([0.0057, 0.2298, 0.8154, 4.1737])) == pytest.approx([0.896, 0.761, 0.495, 0.1], abs=6e-4)


def test_bounds_come_from_quantiles_unless_given(rng):
    losses = rng.exponential(1, 1_000)
    fitted = fit_alpha_map(losses, DistillationSettings())
    assert fitted.constants()["loss_max"] == pytest.approx(np.quantile(losses, 0.99))
    given = fit_alpha_map(losses, DistillationSettings(loss_min=0.2, loss_max=2.0))
    assert (given.constants()["loss_min"], given.constants()["loss_max"]) == (0.2, 2.0)


def test_losses_that_are_all_alike_do_not_divide_by_zero():
    assert np.isfinite(fit_alpha_map(np.full(10, 0.5), DistillationSettings())(np.array([0.0, 0.5, 9.0]))).all()


@pytest.mark.parametrize("method", ["pfd", "cpfd"])
def test_a_video_without_a_label_has_alpha_one(method):
    targets = SoftTargets(["a", "b", "c"], np.zeros((3, 2)), np.array([0.1, 2.0, np.nan]))
    alphas, _ = sample_alphas(targets, DistillationSettings(method=method))
    assert alphas[2] == 1
    assert (alphas[:2] < 1).all()


def test_pfd_trusts_all_samples_alike_and_cpfd_does_not():
    targets = SoftTargets(["a", "b"], np.zeros((2, 2)), np.array([0.1, 2.0]))
    assert len(set(sample_alphas(targets, DistillationSettings(method="pfd"))[0])) == 1
    right, wrong = sample_alphas(targets, DistillationSettings(method="cpfd"))[0]
    assert right > wrong
