"""Baseline, teacher and student judged on the same rows, at thresholds chosen on others."""

import numpy as np
from pydantic import BaseModel

from common.errors import UserError
from models.evaluation.metrics import (
    JUDGED,
    METRICS,
    Threshold,
    choose_threshold,
    decide,
    measured,
)
from models.evaluation.resampling import bootstrap_f1

MODELS = ("baseline", "student", "teacher")
# Of a smaller gap between teacher and baseline a share says nothing: a rounding of the third decimal would move it by a
# tenth.
SMALLEST_GAP = 0.005


class EvaluationError(UserError):
    """The rows cannot judge a model; the message says what is missing."""


class ModelMetrics(BaseModel, frozen=True, extra="forbid"):
    """One model on the evaluation rows, at a threshold chosen on the tuning rows: every metric by name.

    ``interval`` is the 95 % interval of the metric that is judged by, over resampled rows.
    """

    metrics: dict[str, float]
    interval: tuple[float, float]
    threshold: Threshold

    @property
    def judged(self) -> float:
        return self.metrics[JUDGED]


class Evaluation(BaseModel, frozen=True, extra="forbid"):
    """All that the gate, the report and the registry need to know of an evaluation.

    ``difference`` is the student's F1 less the baseline's, with its 95 % interval over paired resamples of
    the evaluation rows. ``gap_closed`` is the student's share of the way from baseline to teacher, by metric;
    None where the teacher is less than 0.005 above the baseline: there is no gap to close.
    """

    classes: tuple[str, ...]
    rows: dict[str, int]
    positives: dict[str, int]
    models: dict[str, ModelMetrics]
    difference: float
    difference_interval: tuple[float, float]
    gap_closed: dict[str, float | None]


def evaluate(
    probabilities: dict[str, np.ndarray],
    labels: np.ndarray,
    judging: np.ndarray,
    classes: tuple[str, ...],
    seed: int,
) -> Evaluation:
    """Judge every model on the evaluation rows.

    Args:
        probabilities: (N, C) by model name; the same N rows for all.
        labels: (N,) class indices.
        judging: (N,) True on evaluation rows, False on tuning rows.
        seed: of the bootstrap.
    """
    _require_classes(labels, judging, classes)
    thresholds = {name: choose_threshold(p[~judging], labels[~judging]) for name, p in probabilities.items()}
    decisions = {name: decide(p[judging], thresholds[name]) for name, p in probabilities.items()}
    judged = labels[judging]
    samples = bootstrap_f1(judged, list(decisions.values()), len(classes), seed)
    metrics = {
        name: ModelMetrics(
            metrics=measured(judged, p[judging], decisions[name]),
            interval=_interval(samples[:, column]),
            threshold=thresholds[name],
        )
        for column, (name, p) in enumerate(probabilities.items())
    }
    names = list(probabilities)
    student, baseline = names.index("student"), names.index("baseline")
    difference = metrics["student"].judged - metrics["baseline"].judged
    return Evaluation(
        classes=classes,
        rows={"tuning": int((~judging).sum()), "evaluation": int(judging.sum())},
        positives={label: int((judged == index).sum()) for index, label in enumerate(classes)},
        models=metrics,
        difference=difference,
        difference_interval=_interval(samples[:, student] - samples[:, baseline]),
        gap_closed={name: _gap_closed(metrics, name) for name in (metric.name for metric in METRICS)},
    )


def _gap_closed(metrics: dict[str, ModelMetrics], name: str) -> float | None:
    baseline, student, teacher = (metrics[model].metrics[name] for model in MODELS)
    return (student - baseline) / (teacher - baseline) if teacher - baseline >= SMALLEST_GAP else None


def _interval(samples: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(samples, [0.025, 0.975])
    return float(low), float(high)


def _require_classes(labels: np.ndarray, judging: np.ndarray, classes: tuple[str, ...]) -> None:
    for split, chosen in (("evaluation", judging), ("tuning", ~judging)):
        absent = [label for index, label in enumerate(classes) if not (labels[chosen] == index).any()]
        if absent:
            raise EvaluationError(
                f"no {split} row has the class {', '.join(absent)}: widen the window or raise the {split} share"
            )
