"""What the logits of any network say once their scale and shifts suit the labels."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp


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
