"""Baseline, teacher and student judged on the same rows, at thresholds chosen on others."""

from collections.abc import Container, Mapping, Sequence

import numpy as np
from pydantic import BaseModel

from common.errors import UserError
from models.evaluation.cost import AnswerCost
from models.evaluation.metrics import RANKINGS, Ruler, Threshold, decide
from models.evaluation.resampling import GroupCounts, interval
from models.settings import Judge, OperatingPoint

BASELINE, STUDENT, TEACHER, CHAMPION = "baseline", "student", "teacher", "champion"
MODELS = (BASELINE, STUDENT, TEACHER)
# Of a smaller gap between teacher and baseline a share says nothing: a rounding of the third decimal would move it by a
# tenth.
SMALLEST_GAP = 0.005


class EvaluationError(UserError):
    """The rows cannot judge a model; the message says what is missing."""


class ModelMetrics(BaseModel, frozen=True, extra="forbid"):
    """One model on the evaluation rows, at a threshold chosen on the tuning rows: every metric by name.

    ``judged`` is the one that judges, ``interval`` its 95 % interval over resampled groups of rows; ``predicted`` is
    the share of rows decided on each class.
    """

    metrics: dict[str, float]
    judged: float
    interval: tuple[float, float]
    threshold: Threshold
    predicted: dict[str, float]


class Evaluation(BaseModel, frozen=True, extra="forbid"):
    """All that the gate, the report and the registry need to know of an evaluation.

    ``models`` are the three of ``MODELS``, and the champion if there is one; ``peers`` are what anyone would try first,
    of which those in ``raw_peers`` read no privileged feature. ``difference`` is what judges of the student less that
    of the baseline, with its 95 % interval over paired resamples of the evaluation rows' groups. ``gap_closed`` is the
    student's share of the way from baseline to teacher, by metric; None where the teacher is less than 0.005 above the
    baseline: there is no gap to close. ``rarer`` is the class whose F1 ``f1`` is, of two. ``answer`` is what one of the
    student costs.
    """

    classes: tuple[str, ...]
    judge: Judge
    rarer: str
    rows: dict[str, int]
    positives: dict[str, int]
    models: dict[str, ModelMetrics]
    peers: dict[str, ModelMetrics] = {}
    raw_peers: tuple[str, ...] = ()
    difference: float
    difference_interval: tuple[float, float]
    gap_closed: dict[str, float | None]
    answer: AnswerCost | None = None


def evaluate(
    probabilities: dict[str, np.ndarray],
    labels: np.ndarray,
    judging: np.ndarray,
    classes: tuple[str, ...],
    seed: int,
    judge: Judge = "f1",
    raw_peers: Sequence[str] = (),
    groups: np.ndarray | None = None,
    thresholds: Mapping[str, Threshold] | None = None,
    point: OperatingPoint | None = None,
) -> Evaluation:
    """Judge every model on the evaluation rows.

    Args:
        probabilities: (N, C) by model name; the same N rows for all. Others than MODELS and the champion are peers.
        labels: (N,) class indices.
        judging: (N,) True on evaluation rows, False on tuning rows.
        seed: of the bootstrap.
        raw_peers: the peers that read raw input alone.
        groups: (N,) which rows belong together; None for none.
        thresholds: of models that have theirs already; for all others the tuning rows choose one.
        point: where they should decide; None: where ``judge`` is best.
    """
    _require_classes(labels, judging, classes)
    ruler = Ruler.of(judge, labels[~judging], len(classes), point)
    given, tuning = thresholds or {}, labels[~judging]
    used = {
        n: given[n] if n in given else ruler.choose_threshold(p[~judging], tuning) for n, p in probabilities.items()
    }
    decisions = {name: decide(p[judging], used[name]) for name, p in probabilities.items()}
    judged = labels[judging]
    own = None if groups is None else groups[judging]
    counts = GroupCounts.of(judged, list(decisions.values()), len(classes), own)
    samples = ruler.values(counts.resampled(seed))
    metrics = {}
    for column, (name, p) in enumerate(probabilities.items()):
        values = ruler.measured(judged, p[judging], decisions[name])
        metrics[name] = ModelMetrics(
            metrics=values,
            judged=values[judge],
            interval=interval(samples[:, column]),
            threshold=used[name],
            predicted={label: float((decisions[name] == index).mean()) for index, label in enumerate(classes)},
        )
    names = list(probabilities)
    student, baseline = names.index(STUDENT), names.index(BASELINE)
    return Evaluation(
        classes=classes,
        judge=judge,
        rarer=classes[ruler.rarer],
        rows={"tuning": int((~judging).sum()), "evaluation": int(judging.sum())},
        positives={label: int((judged == index).sum()) for index, label in enumerate(classes)},
        models={name: metrics[name] for name in (*MODELS, CHAMPION) if name in metrics},
        peers={name: values for name, values in metrics.items() if name not in (*MODELS, CHAMPION)},
        raw_peers=tuple(raw_peers),
        difference=metrics[STUDENT].judged - metrics[BASELINE].judged,
        difference_interval=interval(samples[:, student] - samples[:, baseline]),
        gap_closed={name: _gap_closed(metrics, name) for name in (judge, *(metric.name for metric in RANKINGS))},
    )


def share_closed(baseline: float, student: float, teacher: float) -> float | None:
    """The student's share of the way from baseline to teacher; None where there is no gap to close."""
    return (student - baseline) / (teacher - baseline) if teacher - baseline >= SMALLEST_GAP else None


def reference_of(models: Container[str]) -> str:
    """Who of these serves if the student does not: the champion, or the baseline where there is none."""
    return CHAMPION if CHAMPION in models else BASELINE


def _gap_closed(metrics: dict[str, ModelMetrics], name: str) -> float | None:
    return share_closed(*(metrics[model].metrics[name] for model in MODELS))


def _require_classes(labels: np.ndarray, judging: np.ndarray, classes: tuple[str, ...]) -> None:
    for split, chosen in (("evaluation", judging), ("tuning", ~judging)):
        absent = [label for index, label in enumerate(classes) if not (labels[chosen] == index).any()]
        if absent:
            raise EvaluationError(
                f"no {split} row has the class {', '.join(absent)}: widen the window or raise the {split} share"
            )
