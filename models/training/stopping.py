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


@dataclass(frozen=True)
class Calibration:
    """How logits suit labels best: the mean ``loss`` (nats) then, and the ``share`` of what is added to a wide path's.

    ``share`` is of 0 to 1; 1 without a wide path. ``probabilities`` (N, C) are those of the logits then.
    """

    loss: float
    share: float
    probabilities: np.ndarray


def calibrate(logits: np.ndarray, labels: np.ndarray, wide: np.ndarray | None = None) -> Calibration:
    """Logits (N, C) at the scale, and the shift of each class, that suit them best.

    Labels make a network sure of itself and soft targets do not, and each leans to some classes: two networks that
    differ in no more than that have the same loss here, so that neither is stopped before the other. Thresholds undo
    such differences as well (bias-corrected temperature scaling, Alexandari et al., ICML 2020).

    Args:
        wide: what a wide path has in the logits. What the network's own layers add to it has a scale of its own, up to
            the wide path's: of few rows they learn some truth and are too sure of it.
    """
    parts = np.stack([np.asarray(each, np.float64) for each in (logits, wide) if each is not None])
    rows, truth = np.arange(len(labels)), np.eye(parts.shape[2])[labels]
    count = len(parts)

    def suited(parameters: np.ndarray) -> np.ndarray:
        moved = np.tensordot(parameters[:count], parts, 1) + parameters[count:]
        return moved - logsumexp(moved, axis=1, keepdims=True)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logs = suited(parameters)
        slope = (np.exp(logs) - truth) / len(labels)
        return -float(logs[rows, labels].mean()), np.concatenate([(slope * parts).sum((1, 2)), slope.sum(0)])

    start = np.concatenate([np.eye(count)[0], np.zeros(parts.shape[2])])
    # A negative scale would turn the order of the rows round, and one of the wide path alone the network's part.
    bounds = [*[(0, None)] * count, *[(None, None)] * parts.shape[2]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    scales = found.x[:count]
    share = float(scales[0] / scales.sum()) if scales.any() else 1.0
    return Calibration(float(found.fun), share, np.exp(suited(found.x)))
