"""What a study's scores amount to: metrics by seed, intervals over seeds, paired tests on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from models.evaluation.judging import SMALLEST_GAP
from models.evaluation.metrics import LEAST_PROBABILITY, Ruler, decide, titles
from models.evaluation.resampling import GroupCounts, interval
from models.settings import Judge

DRAWS = 10_000  # of seeds, which cost nothing to draw: the ends of an interval then hardly move with the draw


def measure(scores: pd.DataFrame, judge: Judge = "f1") -> pd.DataFrame:
    """What judges (at a threshold chosen on the tuning rows), ROC-AUC and PR-AUC on the evaluation rows.

    Args:
        scores: model, seed, split, label, probabilities, a row a judging video.

    Returns:
        a row a model and seed: model, seed, every metric by name.
    """
    ruler = ruler_of(scores, judge)
    rows = []
    for (model, seed), each in scores.groupby(["model", "seed"], sort=False):
        judged, truth, decided = decisions(each, ruler)
        rows.append({"model": model, "seed": seed, **ruler.measured(truth, judged, decided)})
    return pd.DataFrame(rows, columns=["model", "seed", *titles(judge)])


def ruler_of(scores: pd.DataFrame, judge: Judge) -> Ruler:
    """One ruler for all models and seeds."""
    tuning = scores.label[scores.split == "tuning"].to_numpy()
    return Ruler.of(judge, tuning, len(scores.probabilities.iloc[0]))


def decisions(scores: pd.DataFrame, ruler: Ruler) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (N, C), labels (N,) and decisions (N,) on the evaluation rows of one model and seed.

    The threshold is chosen on the tuning rows.
    """
    probabilities, labels = np.stack(scores.probabilities.to_numpy()), scores.label.to_numpy()
    judging = (scores.split == "evaluation").to_numpy()
    threshold = ruler.choose_threshold(probabilities[~judging], labels[~judging])
    return probabilities[judging], labels[judging], decide(probabilities[judging], threshold)


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with half the width of its 95 % interval (Student's t); NaN for a single seed."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray) -> "Interval":
        values = np.asarray(values, float)
        if len(values) < 2:
            return cls(float(values.mean()), float("nan"))
        half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        return cls(float(values.mean()), float(half))


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another: paired over seeds, with the p-value of the paired t-test."""

    over_seeds: Interval
    p_value: float


def differences(measures: pd.DataFrame, model: str, against: str, metric: str) -> np.ndarray:
    """``metric`` of ``model`` less that of ``against``, by seed; a model with one seed stands for all seeds."""
    tables = [measures[measures.model == name].set_index("seed")[metric] for name in (model, against)]
    if len(tables[0]) == 1 or len(tables[1]) == 1:
        single = 0 if len(tables[0]) == 1 else 1
        tables[single] = pd.Series(tables[single].iloc[0], index=tables[1 - single].index)
    return (tables[0] - tables[1]).to_numpy()


def compare(measures: pd.DataFrame, model: str, against: str, metric: str) -> Difference:
    """The difference of a metric over seeds."""
    values = differences(measures, model, against, metric)
    alike = len(values) < 2 or np.ptp(values) == 0
    p_value = float("nan") if alike else float(stats.ttest_1samp(values, 0).pvalue)
    return Difference(Interval.of(values), p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for how many they are (Holm 1979); NaN stays NaN and counts for nothing."""
    values = np.asarray(p_values, float)
    order = [int(index) for index in np.argsort(values) if not np.isnan(values[index])]
    corrected, highest = values.copy(), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * values[index]))
        corrected[index] = highest
    return corrected.tolist()


def compare_rows(
    scores: pd.DataFrame, model: str, against: str, judge: Judge = "f1", seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of the difference in what judges over resampled evaluation rows, the mean over seeds."""
    ruler = ruler_of(scores, judge)
    decided: dict[str, list[np.ndarray]] = {model: [], against: []}
    truth = np.empty(0)
    for name, own in decided.items():
        for _, each in scores[scores.model == name].groupby("seed"):
            _, truth, chosen = decisions(each.sort_values("video_id"), ruler)
            own.append(chosen)
    counts = GroupCounts.of(truth, decided[model] + decided[against], ruler.classes)
    draws = ruler.values(counts.resampled(seed))
    first = len(decided[model])
    return interval(draws[:, :first].mean(1) - draws[:, first:].mean(1))


@dataclass(frozen=True)
class GapClosed:
    """The share of the way from baseline to teacher that a student goes, of mean differences over seeds.

    ``interval`` resamples seeds (few seeds make it too narrow); None for one seed, and where the gap itself may be
    none. ``clipped`` is the mean over seeds of shares cut to [0, 1], which is how the
    paper's own figure of 84.6 % comes about (Shi et al., CIKM 2024). All are None where there is no gap.
    """

    share: float | None
    interval: tuple[float, float] | None
    clipped: float | None


def gap_closed(measures: pd.DataFrame, model: str, metric: str, baseline: str = "baseline") -> GapClosed:
    """Of the gap between ``baseline`` and the model named teacher."""
    won, gap = (differences(measures, name, baseline, metric) for name in (model, "teacher"))
    if gap.mean() < SMALLEST_GAP:
        return GapClosed(None, None, None)
    drawn = _shares(won, gap, np.random.default_rng(0))
    certain = len(won) > 1 and np.isfinite(drawn).mean() > 0.975
    each = np.clip(won / np.where(gap > 0, gap, np.nan), 0, 1)
    return GapClosed(float(won.mean() / gap.mean()), interval(drawn) if certain else None, float(np.nanmean(each)))


@dataclass(frozen=True)
class MedianGap:
    """The median over ``tasks`` of the share of the gap that a student closes, with its 95 % interval."""

    share: float
    interval: tuple[float, float]
    tasks: int


def median_gap(
    measured: Sequence[tuple[pd.DataFrame, str]], model: str, baseline: str = "baseline"
) -> MedianGap | None:
    """Over those of ``measured`` (measures of a task, and a metric) whose gap is certain; None where none is.

    The interval resamples the seeds of each task on its own; shares are not cut to 100 %.
    """
    generator = np.random.default_rng(0)
    shares, drawn = [], []
    for measures, metric in measured:
        closed = gap_closed(measures, model, metric, baseline)
        if closed.share is not None and closed.interval is not None:
            won, gap = (differences(measures, name, baseline, metric) for name in (model, "teacher"))
            shares.append(closed.share)
            drawn.append(_shares(won, gap, generator))
    if not shares:
        return None
    return MedianGap(float(np.median(shares)), interval(np.median(drawn, axis=0)), len(shares))


def _shares(won: np.ndarray, gap: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """What is won as a share of the gap, in DRAWS resamples of the seeds; NaN where a resample has no gap."""
    draws = generator.integers(len(won), size=(DRAWS, len(won)))
    gaps = gap[draws].mean(1)
    return won[draws].mean(1) / np.where(gaps > 0, gaps, np.nan)


def teacher_loss_table(scores: pd.DataFrame, student: str, judge: Judge = "f1") -> pd.DataFrame:
    """The teacher's loss on evaluation rows by the student being right or not (the paper's table 1, figure 3).

    Returns:
        a row an evaluation video and seed of the student: seed, label, right, teacher_loss.
    """
    teacher = scores[(scores.model == "teacher") & (scores.split == "evaluation")]
    own = np.stack(teacher.probabilities.to_numpy())[np.arange(len(teacher)), teacher.label]
    loss = pd.Series(-np.log(np.maximum(own, LEAST_PROBABILITY)), index=teacher.video_id)
    tables = []
    for seed, each in scores[scores.model == student].groupby("seed"):
        _, truth, decided = decisions(each, ruler_of(scores, judge))
        judged = each.video_id[each.split == "evaluation"]
        table = pd.DataFrame({"seed": seed, "video_id": judged, "label": truth})
        tables.append(table.assign(right=decided == truth, teacher_loss=loss.loc[table.video_id].to_numpy()))
    return pd.concat(tables, ignore_index=True)
