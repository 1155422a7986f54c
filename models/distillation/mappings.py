"""From the teacher's loss on a sample to the trust in it: the alpha mappings (Shi et al., CIKM 2024, table 2).

A constant that is not given is fitted to the teacher's losses by the rule in the mapping's own words: the paper names
none. To add a mapping, write its class here and name it in ``Mapping`` and MAPPINGS.
"""

import math
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from models.distillation.named_settings import by_name, chosen

EVEN_ODDS = math.log(2)  # the loss of a teacher that gives the label half of its trust
# Medians and shares of fewer errors than these say little: a median's standard error is over a quarter of the spread.
FEWEST_ERRORS = 20
# What a sigmoid falls back on: at ln 2 +- 0.5 it has alpha .88 and .12, near the bounds of the other mappings.
PLAIN_SLOPE = 4.0
# Medians nearer than these are one number, and the slope that parts them would be a step.
NEAREST_MEDIANS = 1e-3
# The odds of alpha .9 to .1, the only two alphas that the paper names (its threshold mapping).
STEEP_ODDS = 9
# Of losses with a few wild ones, the range that the others lie in: the largest of all would push alpha to alpha_max.
OUTER_QUANTILES = (0.01, 0.99)
NARROWEST_RANGE = 1e-6  # so that losses which are all alike do not divide by zero
LEAST_EXPONENT = -700.0  # exp of less than -745 is 0 and of more than 709 overflows, in float64


class AlphaMap(BaseModel, frozen=True, extra="forbid"):
    """A monotone non-increasing map from teacher loss (N,) to alpha (N,) in [0, 1]."""

    name: str

    def fitted(self, loss: np.ndarray, right: np.ndarray, classes: int) -> Self:
        """With every constant: those that are given, the others fitted to labelled training rows.

        Args:
            loss: the teacher's losses (N,), nats.
            right: whether the teacher's first class is the label (N,).
            classes: how many classes the task has.
        """
        raise NotImplementedError

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def constants(self) -> dict[str, float]:
        """The constants that are known, by name: all, of a mapping that is fitted."""
        return self.model_dump(exclude={"name"}, exclude_none=True)

    def _completed(self, **fitted: float) -> Self:
        """With the ``fitted`` constants in the place of those that are not given."""
        return self.model_copy(update={name: v for name, v in fitted.items() if getattr(self, name) is None})


class _Bounded(AlphaMap, frozen=True, extra="forbid"):
    """Alpha between two bounds. These defaults are the only two alphas that the paper names, for its threshold."""

    alpha_min: float = Field(0.1, gt=0, le=1)
    alpha_max: float = Field(0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.alpha_min > self.alpha_max:
            raise ValueError("alpha_min must not be above alpha_max")
        return self


class Threshold(_Bounded, frozen=True, extra="forbid"):
    """alpha_max below ``threshold``, alpha_min from there on.

    Rule: ln 2 for two classes, where a lower loss means that the teacher is right. For more, the loss above
    which lie as many videos as the teacher gets wrong; ln 2 if it errs on fewer than 20.
    """

    name: Literal["threshold"] = "threshold"
    threshold: float | None = Field(None, gt=0)

    def fitted(self, loss: np.ndarray, right: np.ndarray, classes: int) -> Self:
        several = classes > 2 and (~right).sum() >= FEWEST_ERRORS
        return self._completed(threshold=float(np.quantile(loss, right.mean())) if several else EVEN_ODDS)

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        return np.where(np.asarray(teacher_loss) < self.threshold, self.alpha_max, self.alpha_min)


class _Sigmoid(AlphaMap, frozen=True, extra="forbid"):
    """Alpha falls from 1 to 0 around ``centre``."""

    slope: float | None = Field(None, gt=0)
    centre: float | None = Field(None, ge=0)


class NegativeSigmoid(_Sigmoid, frozen=True, extra="forbid"):
    """1 / (1 + exp(slope (L - centre))).

    Rule: with L_right and L_wrong the median losses of videos that the teacher gets right and wrong, centre is
    their mean and slope = 2 ln 9 / (L_wrong - L_right), so that alpha is 0.9 at L_right and 0.1 at L_wrong.
    With fewer than 20 errors, or medians the wrong way round, centre is ln 2 and slope 4.
    """

    name: Literal["negative_sigmoid"] = "negative_sigmoid"

    def fitted(self, loss: np.ndarray, right: np.ndarray, classes: int) -> Self:  # noqa: ARG002
        slope, centre = _sigmoid_rule(loss, right)
        return self._completed(slope=slope, centre=centre)

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        return _falling(teacher_loss, self.slope, self.centre)


class Tanh(_Sigmoid, frozen=True, extra="forbid"):
    """(tanh(-slope (L - centre)) + 1) / 2: the negative sigmoid at twice the slope, identically.

    Rule: half the negative sigmoid's slope. Fitted to the same losses the two are one mapping, and a
    difference between them can only come from slopes that were given.
    """

    name: Literal["tanh"] = "tanh"

    def fitted(self, loss: np.ndarray, right: np.ndarray, classes: int) -> Self:  # noqa: ARG002
        slope, centre = _sigmoid_rule(loss, right)
        return self._completed(slope=slope / 2, centre=centre)

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        return _falling(teacher_loss, None if self.slope is None else 2 * self.slope, self.centre)


class ExponentialDecay(_Bounded, frozen=True, extra="forbid"):
    """alpha_max exp(-k (L - loss_min)), k = -log(alpha_min / alpha_max) / (loss_max - loss_min).

    Clamped to [alpha_min, alpha_max], as the formula is unbounded outside [loss_min, loss_max].
    Rule: the bounds are the 1 % and 99 % quantiles of the teacher's losses.
    """

    name: Literal["exponential_decay"] = "exponential_decay"
    alpha_max: float = Field(0.5, gt=0, le=1, description="PFD's alpha: at 0.9 a student hardly hears the labels")
    loss_min: float | None = Field(None, ge=0)
    loss_max: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _losses_are_ordered(self) -> Self:
        if self.loss_min is not None and self.loss_max is not None and self.loss_min >= self.loss_max:
            raise ValueError("loss_min must be below loss_max")
        return self

    def fitted(self, loss: np.ndarray, right: np.ndarray, classes: int) -> Self:  # noqa: ARG002
        low, high = (float(each) for each in np.quantile(loss, OUTER_QUANTILES))
        loss_min = low if self.loss_min is None else self.loss_min
        loss_max = high if self.loss_max is None else self.loss_max
        return self.model_copy(update={"loss_min": loss_min, "loss_max": max(loss_max, loss_min + NARROWEST_RANGE)})

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray:
        low, high = _known(self.loss_min), _known(self.loss_max)
        rate = -math.log(self.alpha_min / self.alpha_max) / (high - low)
        # The exponent is bounded first: far below loss_min it would overflow before the clamp.
        exponent = np.maximum(-rate * (np.asarray(teacher_loss, np.float64) - low), LEAST_EXPONENT)
        return np.clip(self.alpha_max * np.exp(np.minimum(exponent, 0.0)), self.alpha_min, self.alpha_max)


def _falling(loss: np.ndarray, slope: float | None, centre: float | None) -> np.ndarray:
    """1 / (1 + exp(slope (L - centre))), as tanh: exp overflows far from the centre, the two are the same function."""
    return 0.5 * (1 - np.tanh(0.5 * _known(slope) * (np.asarray(loss, np.float64) - _known(centre))))


def _known(constant: float | None) -> float:
    if constant is None:
        raise TypeError("a mapping is fitted before it is asked")
    return constant


def _sigmoid_rule(loss: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    if (~right).sum() < FEWEST_ERRORS or not right.any():
        return PLAIN_SLOPE, EVEN_ODDS
    median_right, median_wrong = float(np.median(loss[right])), float(np.median(loss[~right]))
    if median_wrong - median_right < NEAREST_MEDIANS:
        return PLAIN_SLOPE, EVEN_ODDS
    return 2 * math.log(STEEP_ODDS) / (median_wrong - median_right), (median_right + median_wrong) / 2


MAPPINGS: dict[str, type[AlphaMap]] = by_name((Threshold, NegativeSigmoid, Tanh, ExponentialDecay))
Mapping = Annotated[
    Threshold | NegativeSigmoid | Tanh | ExponentialDecay, Field(discriminator="name"), chosen("mapping", MAPPINGS)
]
