"""The metrics, in one table; the thresholds they are judged at.

To add a metric, write its function and its line in METRICS: whatever computes, stores, compares or prints metrics reads
that table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

# Where a class is decided on. Of two classes, the least score of the second; of more, a factor for each class's
# score, the largest product of which wins.
Threshold = float | tuple[float, ...]
# From a fifth to five times a class's prior in steps of 17 %, the nearest to 1 first: finer ones fit the noise of a few
# hundred tuning rows.
FACTORS = sorted(np.geomspace(0.2, 5.0, 21), key=lambda factor: abs(np.log(factor)))
ROUNDS = 3  # after which factors hardly move: each class is chosen against what the others became
ROUNDING = 1e-12  # F1 values nearer than this are equal, and the factor nearest to 1 stays


def choose_threshold(probabilities: np.ndarray, labels: np.ndarray) -> Threshold:
    """The threshold with the highest F1 over (N, C) probabilities, on rows that are not those that judge."""
    if probabilities.shape[1] == 2:
        return best_threshold(probabilities[:, 1], labels)
    return best_factors(probabilities, labels)


def best_factors(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, ...]:
    """Factors a class with the highest macro-F1, class by class in three rounds; of equals the nearest to 1.

    The largest score wins most rows of a rare class for a frequent one, which macro-F1 counts as a full class
    lost: a factor corrects the prior that the scores carry.
    """
    factors = np.ones(probabilities.shape[1])
    for _ in range(ROUNDS):
        for column in range(len(factors)):
            best = -1.0
            scaled = probabilities * factors
            for factor in FACTORS:
                scaled[:, column] = probabilities[:, column] * factor
                value = _macro_f1(labels, scaled.argmax(1), len(factors))
                if value > best + ROUNDING:
                    best, factors[column] = value, factor
    return tuple(float(factor) for factor in factors)


def _macro_f1(labels: np.ndarray, decided: np.ndarray, classes: int) -> float:
    """``f1`` of more than two classes, from counts: hundreds of times faster, for the search above."""
    counts = np.bincount(labels * classes + decided, minlength=classes**2).reshape(classes, classes)
    total = counts.sum(0) + counts.sum(1)
    return float(np.mean(np.divide(2 * counts.diagonal(), total, out=np.zeros(classes), where=total > 0)))


def best_threshold(scores: np.ndarray, labels: np.ndarray) -> float:
    """The threshold on the positive class's score with the highest F1; ties go to the lowest."""
    precision, recall, thresholds = precision_recall_curve(labels == 1, scores)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    return float(thresholds[int(np.argmax(f1[:-1]))])


def decide(probabilities: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Class index (N,) from probabilities (N, C)."""
    if isinstance(threshold, tuple | list):  # a list, where it comes from JSON
        return (probabilities * np.array(threshold)).argmax(1)
    return (probabilities[:, 1] >= threshold).astype(np.int64)


def f1(labels: np.ndarray, decided: np.ndarray, classes: int) -> float:
    """F1 of the positive class if binary, else the mean over classes (macro)."""
    if classes == 2:
        return float(f1_score(labels == 1, decided == 1, zero_division=0))
    return float(f1_score(labels, decided, labels=range(classes), average="macro", zero_division=0))


def roc_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the ROC curve; one class against the rest, averaged, if there are more than two."""
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(labels == 1, probabilities[:, 1]))
    return float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in range(probabilities.shape[1])]))


def pr_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Average precision of the positive class; averaged over classes if there are more than two."""
    if probabilities.shape[1] == 2:
        return float(average_precision_score(labels == 1, probabilities[:, 1]))
    return float(
        np.mean([average_precision_score(labels == c, probabilities[:, c]) for c in range(probabilities.shape[1])])
    )


@dataclass(frozen=True)
class Metric:
    """One line of the table: ``title`` is what people read. ``of`` takes labels (N,), class probabilities (N, C) and
    the classes decided on (N,)."""

    name: str
    title: str
    of: Callable[[np.ndarray, np.ndarray, np.ndarray], float]


METRICS = (
    Metric("f1", "F1", lambda labels, probabilities, decided: f1(labels, decided, probabilities.shape[1])),
    Metric("roc_auc", "ROC-AUC", lambda labels, probabilities, _: roc_auc(labels, probabilities)),
    Metric("pr_auc", "PR-AUC", lambda labels, probabilities, _: pr_auc(labels, probabilities)),
)
TITLES = {metric.name: metric.title for metric in METRICS}
# What the gate decides on. It stays the first: tables put beside it the intervals over rows, which are of F1
# (resampling.bootstrap_f1).
JUDGED = METRICS[0].name


def measured(labels: np.ndarray, probabilities: np.ndarray, decided: np.ndarray) -> dict[str, float]:
    """Every metric by name."""
    return {metric.name: metric.of(labels, probabilities, decided) for metric in METRICS}
