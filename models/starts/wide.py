"""The wide path's weights: a logistic regression on a training's own targets, fitted before the network's layers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from models.data.dataset import Videos
from models.data.ngrams import Counts
from models.data.tensors import Batch, Losses
from models.networks.wide import WidePath, inverse_frequency, weighted_counts
from models.settings import WideSettings

# L-BFGS ends once a step lowers the loss by less than a ten-thousandth: a hundredth of that takes twice as long, and
# moves ROC-AUC of the tuning rows of trending_category and violating by .001 at most, down as often as up.
# Of gradients it remembers half as many as usual: with 100,000 n-grams they, and not the rows, take most of a step.
SOLVER = {"maxiter": 200, "ftol": 1e-4, "maxcor": 5}
FOLD_SEED = 0  # which rows are whose part matters to nobody: every training of a run has the same parts
LossFunction = Callable[[Tensor, Batch], Losses]


def fit_wide_path(
    path: WidePath, videos: Videos, loss: LossFunction, settings: WideSettings, misfit: Callable[[WidePath], float]
) -> Tensor:
    """Fit ``path`` to all ``videos``, in place, by the penalty whose fit has the least ``misfit``.

    Args:
        loss: what the network will minimise as well: logits and a batch without raw input to named losses, means over
            the rows.
        misfit: how badly a fitted path suits rows that it was not fitted to.

    Returns:
        logits (N, C) of models that were each fitted to the other parts of the videos. What the network's layers learn
        starts from these: those of ``path`` itself would leave them nothing to explain (cross-fitting, Dao et al.,
        ICLR 2021).
    """
    assert videos.ngrams is not None  # noqa: S101 - the caller has a wide path, and so what it reads
    inverse_penalty, fitted = _best_fit(path, videos, loss, settings, misfit)
    out_of_fold = torch.empty(len(videos), len(path.bias))
    parts = np.random.default_rng(FOLD_SEED).permutation(len(videos)) % settings.folds
    for part in range(settings.folds):
        inside, outside = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        if len(inside) and len(outside):
            _fit(path, videos.select(outside), loss, settings.least_texts, inverse_penalty)
            out_of_fold[inside] = path.logits(videos.ngrams[inside])
    path.load_state_dict(fitted)
    return out_of_fold


def _best_fit(
    path: WidePath, videos: Videos, loss: LossFunction, settings: WideSettings, misfit: Callable[[WidePath], float]
) -> tuple[float, dict[str, Tensor]]:
    """The penalty of least misfit, and what ``path`` is by it."""
    least = np.inf
    best: tuple[float, dict[str, Tensor]] = (settings.inverse_penalties[0], {})
    for inverse_penalty in settings.inverse_penalties:
        _fit(path, videos, loss, settings.least_texts, inverse_penalty)
        found = misfit(path)
        if found < least:
            least, best = found, (inverse_penalty, {name: each.clone() for name, each in path.state_dict().items()})
    return best


def _fit(path: WidePath, videos: Videos, loss: LossFunction, least_texts: int, inverse_penalty: float) -> None:
    counts: Any = videos.ngrams
    idf = inverse_frequency(counts)
    inputs = weighted_counts(counts, idf)
    weight, bias = fit_linear(inputs, videos.targets(), loss, len(path.bias), least_texts, inverse_penalty)
    for buffer, values in ((path.idf, idf), (path.weight, weight), (path.bias, bias)):
        buffer.copy_(torch.from_numpy(values))


def fit_linear(
    inputs: Counts, batch: Batch, loss: LossFunction, classes: int, least_texts: int, inverse_penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (columns, C) and bias (C,) that minimise the rows' summed loss + |weights|^2 / (2 inverse_penalty)."""
    used = np.flatnonzero(np.bincount(inputs.indices) >= least_texts)  # all others keep a weight of 0
    rows = inputs[:, used]
    penalty = 1 / inverse_penalty

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight, bias = flat[:-classes].reshape(-1, classes), flat[-classes:]
        logits = torch.from_numpy(rows @ weight.astype(np.float32) + bias).requires_grad_()
        total = loss(logits, batch)["loss"] * len(logits)
        (gradient,) = torch.autograd.grad(total, logits)
        slope = rows.T @ gradient.numpy().astype(np.float32) + penalty * weight
        value = float(total.detach()) + penalty / 2 * float((weight**2).sum())
        return value, np.concatenate([slope.ravel(), gradient.sum(0).numpy()])

    start = np.zeros((len(used) + 1) * classes)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=SOLVER).x
    weight = np.zeros((inputs.shape[1], classes), np.float32)
    weight[used] = found[:-classes].reshape(-1, classes)
    return weight, found[-classes:].astype(np.float32)
