"""The gate's scenarios."""

import pytest
from run_records import metrics

from models.evaluation.judging import Evaluation
from promotion.gate import decide
from promotion.policy import GateSettings


def judged(baseline: float, student: float, **peers: float) -> Evaluation:
    return Evaluation(
        classes=("no", "yes"),
        judge="f1",
        rarer="yes",
        rows={"tuning": 10, "evaluation": 20},
        positives={"no": 10, "yes": 10},
        peers={name: metrics(f1) for name, f1 in peers.items()},
        raw_peers=tuple(name for name in peers if name != "privileged"),
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


def test_a_student_behind_the_best_raw_only_peer_does_not_pass_and_the_reason_says_so_first():
    found = judged(0.60, 0.70, words=0.65, ngrams=0.72, privileged=0.95)
    verdict = decide(found, GateSettings(margin=0.01))
    assert not verdict.passed
    assert verdict.reason.startswith("the student's F1 0.7000 is below the 0.7200 of the best simple peer (ngrams)")
    assert "+0.1000 against the baseline's 0.6000" in verdict.reason


def test_a_task_may_do_without_the_floor_and_the_reason_says_that_too():
    verdict = decide(judged(0.60, 0.70, ngrams=0.72), GateSettings(margin=0.01, floor="none"))
    assert verdict.passed
    assert "below the 0.7200" in verdict.reason
    assert "does not ask for" in verdict.reason


def test_a_privileged_peer_is_no_floor():
    verdict = decide(judged(0.60, 0.70, words=0.65, privileged=0.95), GateSettings(margin=0.01))
    assert verdict.passed
    assert "not below the 0.6500" in verdict.reason
