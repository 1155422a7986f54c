"""How components report their results."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, roc_curve

from models.evaluation.judging import Evaluation
from models.evaluation.metrics import decide
from models.evaluation.scoring import Judged


def log_results(metrics: Any, classification: Any, judged: Judged, result: Evaluation) -> None:
    """What Kubeflow's own page shows of an evaluation: every model's metrics, and how the student decides."""
    for model, values in result.models.items():
        for name, value in values.metrics.items():
            metrics.log_metric(f"{model}_{name}", value)
    _log_classification(classification, judged, result)
    for shown in (metrics, classification):  # kfp's local cache takes an artifact without a file for one that is gone
        Path(shown.path).write_text(json.dumps(shown.metadata))


def _log_classification(output: Any, judged: Judged, result: Evaluation) -> None:
    """The student's confusion matrix and, if binary, its ROC curve."""
    rows, labels = judged.evaluation, judged.labels[judged.evaluation]
    probabilities = judged.probabilities["student"][rows]
    decided = decide(probabilities, result.models["student"].threshold)
    matrix = confusion_matrix(labels, decided, labels=range(len(result.classes)))
    output.log_confusion_matrix(list(result.classes), matrix.tolist())
    if len(result.classes) == 2:
        false_positive, true_positive, thresholds = roc_curve(labels == 1, probabilities[:, 1])
        finite = np.isfinite(thresholds)  # the curve's first point has no threshold
        output.log_roc_curve(
            false_positive[finite].tolist(), true_positive[finite].tolist(), thresholds[finite].tolist()
        )
