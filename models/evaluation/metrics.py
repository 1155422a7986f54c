"""The metrics, in two tables; the thresholds they are judged at.

To add a metric, write its function and its line in JUDGES or RANKINGS (a judge also in models/settings.py): whatever
computes, stores, compares or prints metrics reads these tables.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from models.networks.calibration import calibrate
from models.settings import Judge, OperatingPoint

# Where a class is decided on. Of two classes, the least score of the second; of more, a factor for each class's
# score, the largest product of which wins.
Threshold = float | tuple[float, ...]
# From a fifth to five times a class's prior in steps of 17 %, the nearest to 1 first: finer ones fit the noise of a few
# hundred tuning rows.
FACTORS = sorted(np.geomspace(0.2, 5.0, 21), key=lambda factor: abs(np.log(factor)))
LEAST_PROBABILITY = 1e-12  # so that its logarithm is finite: some 28 nats, far above what any row has
ROUNDS = 3  # after which factors hardly move: each class is chosen against what the others became
ROUNDING = 1e-12  # values nearer than this are equal, and the factor nearest to 1 stays


@dataclass(frozen=True)
class Metric:
    """One line of a table: ``title`` is what people read."""

    name: str
    title: str
    of: Callable[..., np.ndarray | float]


def class_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of each class (..., C) from ``confusion`` counts; 0 where a class is neither labelled nor decided on."""
    total = counts.sum(-1) + counts.sum(-2)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    return np.divide(2 * right, total, out=np.zeros(total.shape), where=total > 0)


def f1(counts: np.ndarray, rarer: int) -> np.ndarray:
    """F1 of the rarer class of two; of more, the mean over classes.

    F1 of a class that most rows have says little: deciding on it always comes near the best.
    """
    own = class_f1(counts)
    return own[..., rarer] if counts.shape[-1] == 2 else own.mean(-1)


def matthews(counts: np.ndarray) -> np.ndarray:
    """Matthews' correlation coefficient of labels and decisions (Gorodkin 2004 for more than two classes)."""
    labelled, decided = counts.sum(-1), counts.sum(-2)
    rows = labelled.sum(-1)
    right = np.trace(counts, axis1=-2, axis2=-1)
    spread = (rows**2 - (labelled**2).sum(-1)) * (rows**2 - (decided**2).sum(-1))
    shared = right * rows - (labelled * decided).sum(-1)
    return np.divide(shared, np.sqrt(spread), out=np.zeros(np.shape(shared)), where=spread > 0)


# What can decide at the gate, of counts (..., C, C) and the index of the rarer class: ``Task.judge`` names one.
JUDGES: dict[Judge, Metric] = {
    "f1": Metric("f1", "F1", f1),
    "macro_f1": Metric("macro_f1", "macro-F1", lambda counts, _: class_f1(counts).mean(-1)),
    "mcc": Metric("mcc", "MCC", lambda counts, _: matthews(counts)),
}


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


RANKINGS = (Metric("roc_auc", "ROC-AUC", roc_auc), Metric("pr_auc", "PR-AUC", pr_auc))  # they need no threshold


def titles(judge: Judge) -> dict[str, str]:
    """What people read, by metric: what judges goes first."""
    return {judge: JUDGES[judge].title, **{metric.name: metric.title for metric in RANKINGS}}


@dataclass(frozen=True)
class Ruler:
    """How decisions are judged: by which measure, of which classes, the ``rarer`` of which is that index."""

    judge: Judge
    classes: int
    rarer: int = 1
    point: OperatingPoint | None = None

    @classmethod
    def of(cls, judge: Judge, tuning_labels: np.ndarray, classes: int, point: OperatingPoint | None = None) -> "Ruler":
        """For these labels (N,) of tuning rows: they say which class is the rarer one; the second if both are alike."""
        rarer = 0 if classes == 2 and (tuning_labels == 1).mean() > 0.5 else 1
        return cls(judge, classes, rarer, point)

    def confusion(self, labels: np.ndarray, decided: np.ndarray) -> np.ndarray:
        """Counts (C, C) of rows by label and by what was decided."""
        cells = np.bincount(labels * self.classes + decided, minlength=self.classes**2)
        return cells.reshape(self.classes, self.classes)

    def values(self, counts: np.ndarray) -> np.ndarray:
        """The measure of counts (..., C, C)."""
        return np.asarray(JUDGES[self.judge].of(counts.astype(np.float64), self.rarer))

    def measured(self, labels: np.ndarray, probabilities: np.ndarray, decided: np.ndarray) -> dict[str, float]:
        """Every metric by name; what judges first."""
        judged = float(self.values(self.confusion(labels, decided)))
        return {self.judge: judged, **{metric.name: float(metric.of(labels, probabilities)) for metric in RANKINGS}}

    def choose_threshold(self, probabilities: np.ndarray, labels: np.ndarray) -> Threshold:
        """The best threshold for (N, C) probabilities, on rows that are not those that judge.

        A row counts half as its label says, half as its calibrated probabilities do (docs/methods.md 6.1). At an
        operating point labels alone count: of thresholds that keep to it the one that finds most; the nearest to it
        where none does.
        """
        truth = np.eye(self.classes)[labels]
        if self.point is None:
            logits = np.log(np.maximum(probabilities, LEAST_PROBABILITY))
            truth = (truth + calibrate(logits, labels).probabilities) / 2
        if self.classes == 2:
            return self._best_threshold(probabilities[:, 1], truth)
        return self._best_factors(probabilities, truth)

    def _best_threshold(self, scores: np.ndarray, truth: np.ndarray) -> float:
        """The threshold on the second class's score; ties go to the lowest."""
        cuts, place = np.unique(scores, return_inverse=True)
        below = np.stack([np.bincount(place, truth[:, c], len(cuts)) for c in (0, 1)], axis=1)
        negative = np.cumsum(below, axis=0) - below  # rows (cuts, labels) that each cut leaves below itself
        counts = np.stack([negative, below.sum(0) - negative], axis=2)
        worth = self.values(counts) if self.point is None else self._kept(counts, self.point)
        return float(cuts[int(np.argmax(worth))])

    def _kept(self, counts: np.ndarray, point: OperatingPoint) -> np.ndarray:
        """How well each of counts (K, 2, 2) keeps to an operating point."""
        decided, found = counts[:, :, self.rarer].sum(1), counts[:, self.rarer, self.rarer]
        if point.volume is not None:
            return -np.abs(decided / counts[0].sum() - point.volume)
        precision = np.divide(found, decided, out=np.zeros(len(counts)), where=decided > 0)
        # Those that keep to it go before all others, by what they find.
        return np.where(precision >= (point.precision or 0), 1 + found, precision)

    def _best_factors(self, probabilities: np.ndarray, truth: np.ndarray) -> tuple[float, ...]:
        """Factors a class, class by class in three rounds; of equals the nearest to 1.

        The largest score wins most rows of a rare class for a frequent one, which macro-F1 counts as a full class
        lost: a factor corrects the prior that the scores carry.
        """
        factors, decided = np.ones(self.classes), np.eye(self.classes)
        for _ in range(ROUNDS):
            for column in range(self.classes):
                best = -np.inf
                scaled = probabilities * factors
                for factor in FACTORS:
                    scaled[:, column] = probabilities[:, column] * factor
                    value = float(self.values(truth.T @ decided[scaled.argmax(1)]))
                    if value > best + ROUNDING:
                        best, factors[column] = value, factor
        return tuple(float(factor) for factor in factors)


def decide(probabilities: np.ndarray, threshold: Threshold) -> np.ndarray:
    """Class index (N,) from probabilities (N, C)."""
    if isinstance(threshold, tuple | list):  # a list, where it comes from JSON
        return (probabilities * np.array(threshold)).argmax(1)
    return (probabilities[:, 1] >= threshold).astype(np.int64)
