"""How sure a metric is: its values over rows drawn again with replacement (Efron 1979), paired between models."""

from collections.abc import Callable

import numpy as np

from models.evaluation.metrics import Ruler

# The ends of a 95 % interval are then the 25th and 975th of ordered values, which another seed moves by a few percent
# of the interval's width.
RESAMPLES = 1_000


def bootstrap_judged(
    labels: np.ndarray, decisions: list[np.ndarray], ruler: Ruler, seed: int, resamples: int = RESAMPLES
) -> np.ndarray:
    """What judges, (resamples, models) over resampled rows; one draw serves all models, so differences are paired.

    From the counts of labelled and decided rows, which is what it is made of.
    """
    rows, classes = len(labels), ruler.classes
    draws = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=resamples)
    columns = []
    for decided in decisions:
        cells = np.eye(classes**2, dtype=np.int64)[labels * classes + decided]
        columns.append(ruler.values((draws @ cells).reshape(resamples, classes, classes)))
    return np.stack(columns, axis=1)


def roc_auc_differences(
    labels: np.ndarray,
    model: np.ndarray,
    against: np.ndarray,
    groups: np.ndarray,
    seed: int,
    resamples: int = RESAMPLES,
) -> np.ndarray:
    """ROC-AUC of ``model`` less that of ``against`` (resamples,), both (N, C) probabilities, over resampled groups.

    Rows of one group are drawn together, as they are alike: drawn one by one they would count for more than they say.
    One class against the rest, averaged, if there are more than two; NaN where a resample lacks a class.
    """
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    columns = [1] if model.shape[1] == 2 else range(model.shape[1])
    areas = [[_weighted_area(labels == c, each[:, c]) for c in columns] for each in (model, against)]
    differences = []
    for draw in draws:
        weights = draw[group].astype(np.float64)
        first, second = (np.mean([area(weights) for area in own]) for own in areas)
        differences.append(first - second)
    return np.array(differences)


def _weighted_area(positive: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], float]:
    """The area under the ROC curve as a function of the rows' weights; the rows are sorted once for all."""
    order = np.argsort(scores, kind="stable")
    ranked, is_positive = scores[order], positive[order]
    first, last = (np.searchsorted(ranked, ranked, side=side) for side in ("left", "right"))

    def area(weights: np.ndarray) -> float:
        own = weights[order]
        below = np.concatenate([[0.0], np.cumsum(own * ~is_positive)])
        wins = (own * is_positive) @ ((below[first] + below[last]) / 2)  # a tie is half a win
        pairs = (own * is_positive).sum() * below[-1]
        return float(wins / pairs) if pairs else float("nan")

    return area
