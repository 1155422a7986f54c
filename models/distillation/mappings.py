"""From the teacher's loss on a sample to the trust in it: the alpha mappings (SEED-1 table 2, METHODS 1.3)."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from models.settings import DistillationSettings

FEWEST_ERRORS = 20
EVEN_ODDS = math.log(2)  # the loss of a teacher that gives the label half of its trust


class AlphaMap(Protocol):
    """A monotone non-increasing map from teacher loss (N,) to alpha (N,) in [0, 1], with nameable constants."""

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray: ...

    def constants(self) -> dict[str, float]: ...


@dataclass(frozen=True)
class Threshold:
    """alpha_max below ``threshold``, alpha_min from there on.

    Rule: ln 2 for two classes, where a lower loss means that the teacher is right. For more, the loss above
    which lie as many videos as the teacher gets wrong; ln 2 if it errs on fewer than 20.
    """

    alpha_min: float
    alpha_max: float
    threshold: float

    @classmethod
    def fit(cls, loss: np.ndarray, right: np.ndarray, classes: int, settings: DistillationSettings) -> "Threshold":
        threshold = EVEN_ODDS
        if settings.threshold is not None:
            threshold = settings.threshold
        elif classes > 2 and (~right).sum() >= FEWEST_ERRORS:
            threshold = float(np.quantile(loss, right.mean()))
        return cls(settings.alpha_min, settings.alpha_max, threshold)

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        return np.where(np.asarray(teacher_loss) < self.threshold, self.alpha_max, self.alpha_min)

    def constants(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class NegativeSigmoid:
    """1 / (1 + exp(slope (L - centre))).

    Rule: with L_right and L_wrong the median losses of videos that the teacher gets right and wrong, centre is
    their mean and slope = 2 ln 9 / (L_wrong - L_right), so that alpha is 0.9 at L_right and 0.1 at L_wrong.
    With fewer than 20 errors, or medians the wrong way round, centre is ln 2 and slope 4.
    """

    slope: float
    centre: float

    @classmethod
    def fit(cls, loss: np.ndarray, right: np.ndarray, _: int, settings: DistillationSettings) -> "NegativeSigmoid":
        slope, centre = _sigmoid_rule(loss, right)
        return cls(
            slope if settings.slope is None else settings.slope,
            centre if settings.centre is None else settings.centre,
        )

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        # tanh, because exp overflows far from the centre; the two are the same function.
        return 0.5 * (1 - np.tanh(0.5 * self.slope * (np.asarray(teacher_loss, np.float64) - self.centre)))

    def constants(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class Tanh:
    """(tanh(-slope (L - centre)) + 1) / 2: the negative sigmoid at twice the slope, identically.

    Rule: half the negative sigmoid's slope. Fitted to the same losses the two are one mapping, and a
    difference between them can only come from slopes that were given.
    """

    slope: float
    centre: float

    @classmethod
    def fit(cls, loss: np.ndarray, right: np.ndarray, _: int, settings: DistillationSettings) -> "Tanh":
        slope, centre = _sigmoid_rule(loss, right)
        return cls(
            slope / 2 if settings.slope is None else settings.slope,
            centre if settings.centre is None else settings.centre,
        )

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        return NegativeSigmoid(2 * self.slope, self.centre)(teacher_loss)

    def constants(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True)
class ExponentialDecay:
    """alpha_max exp(-k (L - loss_min)), k = -log(alpha_min / alpha_max) / (loss_max - loss_min).

    Clamped to [alpha_min, alpha_max], as the formula is unbounded outside [loss_min, loss_max].
    Rule: the bounds are the 1 % and 99 % quantiles of the teacher's losses.
    """

    alpha_min: float
    alpha_max: float
    loss_min: float
    loss_max: float

    @classmethod
    def fit(cls, loss: np.ndarray, _: np.ndarray, __: int, settings: DistillationSettings) -> "ExponentialDecay":
        low, high = np.quantile(loss, [0.01, 0.99])
        loss_min = float(low) if settings.loss_min is None else settings.loss_min
        loss_max = float(high) if settings.loss_max is None else settings.loss_max
        return cls(settings.alpha_min, settings.alpha_max, loss_min, max(loss_max, loss_min + 1e-6))

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        rate = -math.log(self.alpha_min / self.alpha_max) / (self.loss_max - self.loss_min)
        # The exponent is bounded first: far below loss_min it would overflow before the clamp.
        exponent = np.maximum(-rate * (np.asarray(teacher_loss, np.float64) - self.loss_min), -700.0)
        return np.clip(self.alpha_max * np.exp(np.minimum(exponent, 0.0)), self.alpha_min, self.alpha_max)

    def constants(self) -> dict[str, float]:
        return asdict(self)


def _sigmoid_rule(loss: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    if (~right).sum() < FEWEST_ERRORS or not right.any():
        return 4.0, EVEN_ODDS
    median_right, median_wrong = float(np.median(loss[right])), float(np.median(loss[~right]))
    if median_wrong - median_right < 1e-3:
        return 4.0, EVEN_ODDS
    return 2 * math.log(9) / (median_wrong - median_right), (median_right + median_wrong) / 2


Fit = Callable[[np.ndarray, np.ndarray, int, DistillationSettings], AlphaMap]
MAPPINGS: dict[str, Fit] = {
    "threshold": Threshold.fit,
    "negative_sigmoid": NegativeSigmoid.fit,
    "tanh": Tanh.fit,
    "exponential_decay": ExponentialDecay.fit,
}


def fit_alpha_map(loss: np.ndarray, right: np.ndarray, classes: int, settings: DistillationSettings) -> AlphaMap:
    """The mapping that the settings name, its constants given or fitted to labelled training rows.

    Args:
        loss: the teacher's losses (N,).
        right: whether the teacher's first class is the label (N,).
        classes: how many classes the task has.
    """
    return MAPPINGS[settings.mapping](loss, right, classes, settings)
