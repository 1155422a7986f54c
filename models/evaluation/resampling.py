"""How sure a metric is: its values over groups of rows drawn again (Efron 1979), paired between models.

Rows of one group are alike, so that groups are drawn, not rows: one by one they would count for more than they say.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluation.metrics import Ruler

# The ends of a 95 % interval are then the 25th and 975th of ordered values, which another seed moves by a few percent
# of the interval's width.
RESAMPLES = 1_000
SWAPS = 20_000  # the least p-value that can be seen is then 0.00005, below what the tenth look at the same rows spends
FIRST_SWAPS, SURELY_CHANCE = 1_000, 0.2  # where a thousand give this, more would not give what anyone calls significant
MOST_DRAWN = 5_000_000  # numbers drawn at once: 80 MB with their copy
# If both models are equal, all of n groups favour one of them in 0.5**n of cases. For 5 that is 3.1 %, more than the
# 2.5 % on one side of a 95 % interval, so that even this proves nothing; for 6 it is 1.6 %.
FEWEST_GROUPS = 6
ROUNDING = 1e-12  # differences nearer than this are equal: they are sums in another order


def interval(samples: np.ndarray) -> tuple[float, float]:
    """The ends of the middle 95 % of resampled values; those that lack a class (NaN) do not count."""
    low, high = np.nanquantile(samples, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True)
class GroupCounts:
    """Labels and decisions of several models, as far as their measures depend on them.

    Groups whose counts are equal are kept once: ``patterns`` (V, models, C, C) are counts of rows by label and
    decision, ``often`` (V,) says how many groups have them. To draw how often each pattern occurs is to draw the
    groups themselves; where most groups are of one row it takes no time however many there are.
    """

    patterns: np.ndarray
    often: np.ndarray

    @classmethod
    def of(
        cls, labels: np.ndarray, decisions: Sequence[np.ndarray], classes: int, groups: np.ndarray | None = None
    ) -> "GroupCounts":
        """From (N,) labels, (N,) decisions of each model and (N,) groups; without groups each row is one."""
        group = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
        count, cells = int(group.max()) + 1, classes**2
        place = group * cells + labels * classes
        counted = [np.bincount(place + decided, minlength=count * cells).reshape(count, cells) for decided in decisions]
        patterns, often = np.unique(np.concatenate(counted, axis=1), axis=0, return_counts=True)
        return cls(patterns.reshape(-1, len(decisions), classes, classes), often)

    @property
    def groups(self) -> int:
        return int(self.often.sum())

    @property
    def total(self) -> np.ndarray:
        """Counts of all rows (models, C, C)."""
        return np.tensordot(self.often, self.patterns, axes=1)

    def pair(self, first: int, second: int) -> "GroupCounts":
        """Of two models alone, which have fewer patterns."""
        own = self.patterns[:, [first, second]]
        patterns, often = _merged(own.reshape(len(own), -1), self.often)
        return GroupCounts(patterns.reshape(-1, *own.shape[1:]), often)

    def resampled(self, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
        """Counts (resamples, models, C, C) of as many groups drawn with replacement."""
        random, shares = np.random.default_rng(seed), self.often / self.groups
        drawn = [
            np.tensordot(random.multinomial(self.groups, shares, size=part).astype(np.float64), self.patterns, axes=1)
            for part in _parts(resamples, len(self.often))
        ]
        return np.concatenate(drawn)

    def swapped(self, first: int, second: int, seed: int, swaps: int = SWAPS) -> tuple[np.ndarray, np.ndarray]:
        """Counts (swaps, C, C) of two models after each group's decisions were exchanged, or not, by a coin."""
        change, often = _merged(
            (self.patterns[:, second] - self.patterns[:, first]).reshape(len(self.often), -1), self.often
        )
        differ = change.any(axis=1)
        change, often = change[differ].astype(np.float64), often[differ]
        random, total = np.random.default_rng(seed), self.total
        moved = [
            random.binomial(often, 0.5, size=(part, len(often))).astype(np.float64) @ change
            for part in _parts(swaps, len(often))
        ]
        shift = np.concatenate(moved).reshape(swaps, *total.shape[1:])
        return total[first] + shift, total[second] - shift


def _merged(rows: np.ndarray, often: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Equal rows (V, K) once, with how often they occur together."""
    unique, place = np.unique(rows, axis=0, return_inverse=True)
    return unique, np.bincount(place.ravel(), weights=often, minlength=len(unique)).astype(np.int64)


def _parts(draws: int, patterns: int) -> list[int]:
    """The draws in parts that fit into memory."""
    size = max(1, MOST_DRAWN // max(patterns, 1))
    return [min(size, draws - start) for start in range(0, draws, size)]


@dataclass(frozen=True)
class SwapTest:
    """Whether one model is better than another: ``p_value`` is one-sided.

    ``spread`` is the standard deviation of the difference if both were equally good: what the rows can show follows
    from it.
    """

    difference: float
    p_value: float
    spread: float


def swap_test(counts: GroupCounts, ruler: Ruler, first: int, second: int, seed: int, swaps: int = SWAPS) -> SwapTest:
    """Of the first model being better than the second by what judges (Noreen 1989; Yeh 2000).

    Were both equally good, it would not matter whose decision on a group is whose.
    """
    total = counts.total
    observed = float(ruler.values(total[first]) - ruler.values(total[second]))
    for tried in (min(FIRST_SWAPS, swaps), swaps):
        own, other = counts.swapped(first, second, seed, tried)
        differences = ruler.values(own) - ruler.values(other)
        p_value = (1 + int((differences >= observed - ROUNDING).sum())) / (1 + tried)
        if p_value > SURELY_CHANCE:
            break
    return SwapTest(observed, p_value, float(differences.std()))


# A metric of scores without a threshold, of (N,) positives and scores, as a function of the rows' weights (N,).
Weighted = Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], float]]


def resampled_weights(groups: np.ndarray, seed: int, resamples: int = RESAMPLES) -> Iterator[np.ndarray]:
    """How often each row (N,) was drawn, resample by resample, when (N,) groups are drawn with replacement."""
    group = np.unique(groups, return_inverse=True)[1]
    count = int(group.max()) + 1
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = np.bincount(random.integers(count, size=count), minlength=count)
        yield drawn[group].astype(np.float64)


def mean_over_groups(values: np.ndarray, groups: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """The mean (resamples,) of (N,) values over resampled groups."""
    return np.array([weights @ values / weights.sum() for weights in resampled_weights(groups, seed, resamples)])


def over_classes(metric: Weighted, labels: np.ndarray, probabilities: np.ndarray) -> Callable[[np.ndarray], float]:
    """The metric of probabilities (N, C), as a function of the rows' weights.

    Of two classes that of the second; of more, one class against the rest, averaged.
    """
    columns = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    values = [metric(labels == column, probabilities[:, column]) for column in columns]
    return lambda weights: float(np.mean([value(weights) for value in values]))


def ranking_differences(
    metric: Weighted,
    labels: np.ndarray,
    model: np.ndarray,
    against: np.ndarray,
    groups: np.ndarray,
    seed: int,
    resamples: int = RESAMPLES,
) -> np.ndarray:
    """The metric of ``model`` less that of ``against`` (resamples,), both (N, C) probabilities, over resampled groups.

    NaN where a resample lacks a class.
    """
    own, other = (over_classes(metric, labels, each) for each in (model, against))
    return np.array([own(weights) - other(weights) for weights in resampled_weights(groups, seed, resamples)])


def weighted_roc_auc(positive: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], float]:
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


def weighted_pr_auc(positive: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], float]:
    """Average precision as a function of the rows' weights; the rows are sorted once for all."""
    order = np.argsort(-scores, kind="stable")
    ranked, is_positive = -scores[order], positive[order]
    last = np.flatnonzero(np.append(np.diff(ranked) > 0, [True]))  # of equal scores: they are decided on together

    def precision(weights: np.ndarray) -> float:
        own = weights[order]
        found, decided = np.cumsum(own * is_positive)[last], np.cumsum(own)[last]
        if not found[-1]:
            return float("nan")
        gained = np.diff(found, prepend=0.0)
        return float((gained * np.divide(found, decided, out=np.zeros(len(last)), where=decided > 0)).sum() / found[-1])

    return precision
