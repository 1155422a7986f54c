"""Metrics and the judgement made of them."""

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import f1_score, matthews_corrcoef

from models.evaluation.judging import EvaluationError, evaluate
from models.evaluation.metrics import Ruler, decide, pr_auc, roc_auc
from models.settings import OperatingPoint


def scored(rng: np.random.Generator, labels: np.ndarray, strength: float) -> np.ndarray:
    positive = 1 / (1 + np.exp(-(strength * (2 * labels - 1) + rng.normal(0, 1, len(labels)))))
    return np.stack([1 - positive, positive], axis=1)


@pytest.mark.parametrize(
    ("judge", "reference"),
    [
        ("f1", f1_score),
        ("macro_f1", lambda labels, decided: f1_score(labels, decided, average="macro")),
        ("mcc", matthews_corrcoef),
    ],
)
def test_the_threshold_is_the_best_of_all_by_what_judges(rng, judge, reference):
    """Of rows that were drawn from the scores themselves: labels and calibrated scores then say the same."""
    probabilities = scored(rng, np.repeat([0, 1], [1_600, 400]), 1.0)
    scores = probabilities[:, 1]
    labels = (rng.random(len(scores)) < scores).astype(int)
    ruler = Ruler(judge, 2)
    chosen = (scores >= ruler.choose_threshold(probabilities, labels)).astype(int)
    best = max(reference(labels, (scores >= each).astype(int)) for each in np.unique(scores))
    of_labels = (scores >= ruler._best_threshold(scores, np.eye(2)[labels])).astype(int)
    assert reference(labels, of_labels) == pytest.approx(best)
    assert reference(labels, chosen) == pytest.approx(best, abs=0.01)
    assert ruler.measured(labels, probabilities, chosen)[judge] == pytest.approx(reference(labels, chosen))


def test_a_threshold_of_few_rows_is_nearer_to_the_best_than_that_of_their_labels_alone(rng):
    """On 100 draws of 50 tuning rows, judged on 2,000 others."""
    ruler, found = Ruler("f1", 2), {"both": [], "labels": []}
    for _ in range(100):
        labels = (rng.random(2_050) < 0.3).astype(int)
        probabilities = scored(rng, labels, 0.5)
        scores, tuning, rest = probabilities[:, 1], slice(50), slice(50, None)
        threshold = ruler.choose_threshold(probabilities[tuning], labels[tuning])
        of_labels = ruler._best_threshold(scores[tuning], np.eye(2)[labels[tuning]])
        for name, cut in (("both", threshold), ("labels", of_labels)):
            found[name].append(f1_score(labels[rest], scores[rest] >= cut))
    assert np.mean(found["both"]) > np.mean(found["labels"]) + 0.002


def test_f1_is_that_of_the_rarer_class(rng):
    labels = (rng.random(300) < 0.8).astype(int)
    ruler = Ruler.of("f1", labels, 2)
    decided = (scored(rng, labels, 1.0)[:, 1] > 0.5).astype(int)
    assert ruler.values(ruler.confusion(labels, decided)) == pytest.approx(f1_score(labels, decided, pos_label=0))
    assert Ruler.of("f1", 1 - labels, 2).rarer == 1
    assert Ruler.of("f1", np.array([0, 1]), 2).rarer == 1


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_an_operating_point_decides_on_the_rarer_class_as_it_says(rng, share):
    labels = (rng.random(3_000) < share).astype(int)
    probabilities = scored(rng, labels, 1.0)
    rarer = int(share < 0.5)

    def decided(**point: float) -> np.ndarray:
        ruler = Ruler.of("f1", labels, 2, OperatingPoint(**point))
        return decide(probabilities, ruler.choose_threshold(probabilities, labels)) == rarer

    assert decided(volume=0.05).mean() == pytest.approx(0.05, abs=0.001)
    precise, most = decided(precision=0.9), labels == rarer
    assert most[precise].mean() >= 0.9
    cuts = probabilities[:, rarer]
    recalls = [most[cuts >= cut].sum() for cut in cuts if most[cuts >= cut].mean() >= 0.9]
    assert most[precise].sum() == max(recalls)


def test_an_operating_point_out_of_reach_is_come_near(rng):
    labels = np.array([0, 1] * 200)
    probabilities = scored(rng, rng.permutation(labels), 1.0)  # they know nothing of the labels
    point = OperatingPoint.model_validate({"precision": 0.999})
    chosen = decide(probabilities, Ruler.of("f1", labels, 2, point).choose_threshold(probabilities, labels))
    assert chosen.any()


@pytest.mark.parametrize("wrong", [{}, {"precision": 0.9, "volume": 0.1}, {"volume": 0}, {"precision": 1.0}])
def test_an_operating_point_is_one_thing(wrong):
    with pytest.raises(ValidationError):
        OperatingPoint.model_validate(wrong)


def test_known_areas():
    labels = np.array([0, 0, 1, 1])
    perfect = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    assert roc_auc(labels, perfect) == pr_auc(labels, perfect) == 1
    three = np.eye(3)[[0, 1, 2]]
    assert roc_auc(np.array([0, 1, 2]), three) == 1
    ruler = Ruler("f1", 3)
    found = ruler.values(ruler.confusion(np.array([0, 1, 2]), np.array([0, 1, 1])))
    assert found == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_peers_stand_beside_the_models(rng):
    labels = (rng.random(2_000) < 0.3).astype(int)
    strengths = {"baseline": 0.4, "student": 0.8, "teacher": 1.2, "weak": 0.2, "strong": 0.6, "knows more": 2.0}
    probabilities = {name: scored(rng, labels, strength) for name, strength in strengths.items()}
    judging = np.arange(2_000) >= 500
    found = evaluate(probabilities, labels, judging, ("no", "yes"), 0, "mcc", ["weak", "strong"])
    assert list(found.models) == ["baseline", "student", "teacher"]
    assert set(found.peers) == {"weak", "strong", "knows more"}
    assert found.raw_peers == ("weak", "strong")
    assert found.judge == "mcc"
    assert sum(found.models["student"].predicted.values()) == pytest.approx(1)


def test_a_better_student_closes_the_gap(rng):
    labels = (rng.random(2_000) < 0.3).astype(int)
    judging = np.arange(2_000) >= 500
    probabilities = {
        name: scored(rng, labels, s) for name, s in (("baseline", 0.4), ("student", 0.8), ("teacher", 1.2))
    }
    found = evaluate(probabilities, labels, judging, ("no", "yes"), 0)
    assert 0.2 < found.gap_closed["f1"] < 0.8
    assert found.difference_interval[0] < found.difference < found.difference_interval[1]
    assert found.rows == {"tuning": 500, "evaluation": 1_500}


def test_the_gap_is_not_defined_without_a_better_teacher(rng):
    labels = (rng.random(400) < 0.3).astype(int)
    same = scored(rng, labels, 0.5)
    names = ("baseline", "student", "teacher")
    found = evaluate(dict.fromkeys(names, same), labels, np.arange(400) > 99, ("no", "yes"), 0)
    assert set(found.gap_closed.values()) == {None}


def test_a_class_without_rows_is_named(rng):
    labels = np.zeros(100, int)
    labels[:10] = 1
    with pytest.raises(EvaluationError, match="no evaluation row has the class yes"):
        evaluate({"student": scored(rng, labels, 1)}, labels, np.arange(100) >= 50, ("no", "yes"), 0)


def test_a_champion_keeps_its_threshold_and_is_no_peer(rng):
    labels = (rng.random(400) < 0.3).astype(int)
    names = ("baseline", "student", "teacher", "champion")
    given = {name: scored(rng, labels, 0.8) for name in names}
    found = evaluate(given, labels, np.arange(400) > 99, ("no", "yes"), 0, thresholds={"champion": 0.987})
    assert list(found.models) == ["baseline", "student", "teacher", "champion"]
    assert found.models["champion"].threshold == 0.987
    assert not found.peers


def test_rows_of_one_group_make_intervals_no_narrower(rng):
    labels = (rng.random(200) < 0.4).astype(int)
    given = {name: scored(rng, labels, 0.8) for name in ("baseline", "student", "teacher")}
    judging = np.arange(200) > 79

    def width(copies, groups):
        rows = np.tile(np.arange(200), copies)
        repeated = {name: values[rows] for name, values in given.items()}
        found = evaluate(repeated, labels[rows], judging[rows], ("no", "yes"), 0, groups=groups)
        return found.difference_interval[1] - found.difference_interval[0]

    assert width(9, np.tile(np.arange(200), 9)) == pytest.approx(width(1, None), rel=0.15)
    assert width(9, None) < 0.5 * width(1, None)
