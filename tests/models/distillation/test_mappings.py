"""The four mappings, and the rules that give them their constants (Shi et al., CIKM 2024, table 2)."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from models.distillation.mappings import MAPPINGS, ExponentialDecay, NegativeSigmoid, Tanh, Threshold
from models.distillation.settings import DistillationSettings


@pytest.fixture
def teacher(rng) -> tuple[np.ndarray, np.ndarray]:
    """Losses and rightness of a binary teacher on 1,000 videos, 300 of them wrong."""
    right = np.arange(1_000) >= 300
    return np.where(right, rng.uniform(0, math.log(2), 1_000), rng.uniform(math.log(2), 4, 1_000)), right


@pytest.mark.parametrize("name", MAPPINGS)
def test_every_mapping_falls_and_stays_a_share(teacher, name):
    mapping = MAPPINGS[name]().fitted(*teacher, 2)
    alphas = mapping(np.linspace(0, 1_000, 5_000))
    assert (np.diff(alphas) <= 0).all()
    assert (alphas >= 0).all()
    assert (alphas <= 1).all()
    assert mapping(np.array([0.0]))[0] >= mapping(np.array([4.0]))[0] + 0.4


def test_threshold_has_two_values_and_its_rule(teacher, rng):
    loss, right = teacher
    mapping = Threshold(threshold=1.0)
    assert mapping(np.array([0.0, 0.999, 1.0, 9.0])).tolist() == [0.9, 0.9, 0.1, 0.1]
    binary = Threshold().fitted(loss, right, 2)
    assert binary.constants()["threshold"] == math.log(2)
    several = Threshold().fitted(loss, right, 5)
    assert (loss >= several.constants()["threshold"]).mean() == pytest.approx(0.3, abs=0.002)
    few = Threshold().fitted(loss, np.arange(1_000) >= 19, 5)
    assert few.constants()["threshold"] == math.log(2)


def test_negative_sigmoid_is_nine_tenths_and_one_tenth_at_the_medians(teacher):
    loss, right = teacher
    mapping = NegativeSigmoid().fitted(loss, right, 2)
    assert mapping(np.array([np.median(loss[right]), np.median(loss[~right])])) == pytest.approx([0.9, 0.1])
    assert NegativeSigmoid(slope=4, centre=1)(np.array([1.5]))[0] == pytest.approx(1 / (1 + math.exp(2)))


def test_negative_sigmoid_falls_back_where_there_is_nothing_to_fit(rng):
    loss = rng.uniform(0, 1, 100)
    for right in (np.arange(100) >= 19, np.zeros(100, bool), loss > 0.5):
        assert NegativeSigmoid().fitted(loss, right, 2).constants() == {"slope": 4.0, "centre": math.log(2)}


def test_tanh_is_the_negative_sigmoid_at_twice_the_slope(teacher):
    losses = np.linspace(0, 30, 300)
    expected = 0.5 * (np.tanh(-1.7 * (losses - 0.6)) + 1)
    np.testing.assert_allclose(Tanh(slope=1.7, centre=0.6)(losses), expected, atol=1e-12)
    np.testing.assert_allclose(
        Tanh(slope=1.7, centre=0.6)(losses), NegativeSigmoid(slope=3.4, centre=0.6)(losses), atol=1e-15
    )
    fitted = [MAPPINGS[name]().fitted(*teacher, 2) for name in ("tanh", "negative_sigmoid")]
    np.testing.assert_allclose(fitted[0](losses), fitted[1](losses), atol=1e-15)


def test_the_papers_mean_losses_give_the_tabulated_alphas():
    mapping = ExponentialDecay(alpha_max=0.9, loss_min=0.0, loss_max=3.0)
    assert mapping(np.array([0.0057, 0.2298, 0.8154, 4.1737])) == pytest.approx([0.896, 0.761, 0.495, 0.1], abs=6e-4)
    assert mapping(np.array([0.0, 3.0, 300.0])) == pytest.approx([0.9, 0.1, 0.1])


def test_exponential_decays_bounds_come_from_quantiles(teacher):
    fitted = DistillationSettings().method.mapping.fitted(*teacher, 2)
    assert fitted.constants()["loss_max"] == pytest.approx(np.quantile(teacher[0], 0.99))
    assert fitted.constants()["loss_min"] == pytest.approx(np.quantile(teacher[0], 0.01))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("threshold", {"threshold": 0.4}),
        ("negative_sigmoid", {"slope": 3.0, "centre": 0.5}),
        ("tanh", {"slope": 3.0, "centre": 0.5}),
        ("exponential_decay", {"loss_min": 0.2, "loss_max": 2.0}),
    ],
)
def test_constants_that_are_given_are_kept(teacher, name, given):
    constants = MAPPINGS[name](**given).fitted(*teacher, 2).constants()
    assert given.items() <= constants.items()


def test_losses_that_are_all_alike_do_not_divide_by_zero():
    for name in MAPPINGS:
        mapping = MAPPINGS[name]().fitted(np.full(50, 0.5), np.arange(50) < 25, 2)
        assert np.isfinite(mapping(np.array([0.0, 0.5, 9.0]))).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "linear"}, "linear", {"threshold": 0.5}, {"name": "threshold", "threshold": 0.0},
        {"name": "threshold", "alpha_min": 0.0}, {"name": "threshold", "alpha_min": 0.9, "alpha_max": 0.1},
        {"name": "exponential_decay", "alpha_min": 0.9, "alpha_max": 0.1}, {"name": "tanh", "slope": -1.0},
        {"name": "exponential_decay", "loss_min": 2.0, "loss_max": 1.0},
        # Another mapping's constants.
        {"name": "threshold", "slope": 2.0}, {"name": "tanh", "alpha_min": 0.2}, {"name": "tanh", "threshold": 0.5},
        {"name": "negative_sigmoid", "loss_max": 3.0}, {"name": "exponential_decay", "centre": 0.5},
    ],
)  # fmt: skip
def test_constants_out_of_range_or_of_another_mapping_are_refused(wrong):
    with pytest.raises(ValidationError):
        DistillationSettings(method={"name": "cpfd", "mapping": wrong})


def test_a_mapping_that_is_not_fitted_is_not_asked():
    with pytest.raises(TypeError, match="is fitted before"):
        NegativeSigmoid(slope=2.0)(np.array([0.5]))
    assert NegativeSigmoid(slope=2.0).constants() == {"slope": 2.0}
