"""The gate's scenarios."""

import pytest

from models.evaluation.judging import Evaluation, ModelMetrics
from promotion.gate import decide
from promotion.policy import GateSettings


def judged(baseline: float, student: float) -> Evaluation:
    def metrics(f1: float) -> ModelMetrics:
        return ModelMetrics(
            metrics={"f1": f1, "roc_auc": 0.8, "pr_auc": 0.7}, interval=(f1 - 0.1, f1 + 0.1), threshold=0.5
        )

    return Evaluation(
        classes=("no", "yes"),
        rows={"tuning": 10, "evaluation": 20},
        positives={"no": 10, "yes": 10},
        models={"baseline": metrics(baseline), "student": metrics(student), "teacher": metrics(0.9)},
        difference=student - baseline,
        difference_interval=(-0.1, 0.1),
        gap_closed={},
    )


@pytest.mark.parametrize(
    ("baseline", "student", "margin", "passed"),
    [
        (0.70, 0.75, 0.01, True),
        (0.70, 0.705, 0.01, False),
        (0.70, 0.65, 0.01, False),
        (0.70, 0.70, 0.0, False),
        (0.70, 0.701, 0.0, True),
        (0.70, 0.68, -0.05, True),
        (0.70, 0.60, -0.05, False),
    ],
)
def test_the_student_must_beat_the_baseline_by_the_margin(baseline, student, margin, passed):
    verdict = decide(judged(baseline, student), GateSettings(margin=margin))
    assert verdict.passed is passed
    assert f"{student:.4f}" in verdict.reason
    assert f"{baseline:.4f}" in verdict.reason
    assert f"{margin:+.4f}" in verdict.reason
