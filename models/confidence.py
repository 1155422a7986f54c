"""From the teacher's loss on a sample to the trust in it: the alpha mappings (SEED-1 table 2)."""

import math
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from models.settings import DistillationSettings


class AlphaMap(Protocol):
    """A monotone non-increasing map from teacher loss (N,) to alpha (N,), with nameable constants."""

    def __call__(self, teacher_loss: np.ndarray) -> np.ndarray: ...

    def constants(self) -> dict[str, float]: ...


@dataclass(frozen=True)
class ExponentialDecay:
    """alpha_max exp(-k (L - loss_min)), k = -log(alpha_min / alpha_max) / (loss_max - loss_min).

    Clamped to [alpha_min, alpha_max], as the formula is unbounded outside [loss_min, loss_max] (METHODS 1.3).
    """

    alpha_min: float
    alpha_max: float
    loss_min: float
    loss_max: float

    @classmethod
    def fit(cls, teacher_loss: np.ndarray, settings: DistillationSettings) -> "ExponentialDecay":
        """Bounds that the settings do not give are the 1 % and 99 % quantiles of the teacher's losses."""
        low, high = np.quantile(teacher_loss, [0.01, 0.99])
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


MAPPINGS = {"exponential_decay": ExponentialDecay.fit}


def fit_alpha_map(teacher_loss: np.ndarray, settings: DistillationSettings) -> AlphaMap:
    """The mapping that the settings name, fitted to the teacher's losses on the labelled training rows."""
    return MAPPINGS[settings.mapping](teacher_loss, settings)
