"""When a training ends: one rule for baseline, teacher and student, which favours none of them."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from models.training.settings import TrainingSettings


@dataclass(frozen=True)
class Stop:
    """How a training goes on tuning rows: ``least`` loss so far, and that of ``smoothed`` losses.

    ``last`` is the loss before, NaN at first; ``stale`` are the steps since ``smoothed`` fell that count.
    """

    least: float = math.inf
    smoothed: float = math.inf
    last: float = math.nan
    stale: int = 0

    def after(self, loss: float, steps: int, done: int, settings: TrainingSettings, total: int) -> "Stop":
        """After ``steps`` more steps, ``done`` of ``total`` in all, with this loss.

        Steps count once warm-up and ``least_steps`` are over. A loss is smoothed with the one before, as a single
        evaluation on some hundred rows goes up and down by chance.
        """
        smoothed = loss if math.isnan(self.last) else (loss + self.last) / 2
        counts = done > max(settings.least_steps, settings.warmup_share * total)
        stale = 0 if smoothed < self.smoothed else self.stale + (steps if counts else 0)
        return replace(self, least=min(loss, self.least), smoothed=min(smoothed, self.smoothed), last=loss, stale=stale)


def calibrated_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean loss (nats) of logits (N, C) at the scale, and the shift of each class, that suit them best.

    Labels make a network sure of itself and soft targets do not, and each leans to some classes: two networks that
    differ in no more than that have the same loss here, so that neither is stopped before the other. Thresholds undo
    such differences as well (bias-corrected temperature scaling, Alexandari et al., ICML 2020).
    """
    given = np.asarray(logits, np.float64)
    rows, truth = np.arange(len(given)), np.eye(given.shape[1])[labels]

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scale, shift = parameters[0], parameters[1:]
        moved = scale * given + shift
        logs = moved - logsumexp(moved, axis=1, keepdims=True)
        slope = (np.exp(logs) - truth) / len(given)
        return -float(logs[rows, labels].mean()), np.concatenate([[(slope * given).sum()], slope.sum(0)])

    start = np.concatenate([[1.0], np.zeros(given.shape[1])])
    positive = [(0, None), *[(None, None)] * given.shape[1]]  # a negative scale would turn the order of the rows round
    return float(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=positive).fun)
