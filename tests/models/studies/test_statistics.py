"""What a study's scores amount to, against hand-made numbers and the paper's own table."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models.evaluation.metrics import Ruler, decide
from models.studies.statistics import (
    Interval,
    compare,
    compare_rows,
    gap_closed,
    holm,
    measure,
    median_gap,
    teacher_loss_table,
)
from models.studies.variants import BASELINE, CPFD, PFD, TEACHER

# Shi et al., CIKM 2024, table 3: F1 of five tasks.
PAPER = {
    BASELINE: [0.5424, 0.8073, 0.9255, 0.7767, 0.4538],
    TEACHER: [0.6277, 0.8223, 0.9443, 0.8009, 0.4942],
    PFD: [0.6104, 0.8191, 0.9315, 0.7964, 0.4737],
    CPFD: [0.6266, 0.8303, 0.9337, 0.7962, 0.5083],
}


@pytest.fixture
def paper() -> pd.DataFrame:
    """The paper's tasks in the place of seeds."""
    rows = [{"model": m, "seed": task, "f1": value} for m, own in PAPER.items() for task, value in enumerate(own)]
    return pd.DataFrame(rows)


def test_the_papers_own_shares_come_out(paper):
    assert gap_closed(paper, CPFD, "f1").clipped == pytest.approx(0.8458, abs=5e-5)
    assert gap_closed(paper, CPFD, "f1", baseline=PFD).clipped == pytest.approx(0.6217, abs=5e-5)
    gains = [np.mean(np.array(PAPER[CPFD]) / PAPER[other] - 1) for other in (BASELINE, PFD)]
    assert gains == pytest.approx([0.06756, 0.02307], abs=1e-5)


def test_a_share_is_of_means_and_its_interval_holds_it(paper):
    found = gap_closed(paper, PFD, "f1")
    means = {name: np.mean(own) for name, own in PAPER.items()}
    assert found.share == pytest.approx((means[PFD] - means[BASELINE]) / (means[TEACHER] - means[BASELINE]))
    assert found.interval[0] < found.share < found.interval[1]


def test_the_median_gap_is_over_the_tasks_whose_gap_is_certain(paper):
    none = paper.assign(f1=0.5)
    found = median_gap([(paper, "f1"), (none, "f1")], CPFD)
    assert (found.share, found.tasks) == (gap_closed(paper, CPFD, "f1").share, 1)
    assert found.interval[0] < found.share < found.interval[1]
    assert median_gap([(none, "f1")], CPFD) is None


def test_without_a_gap_there_is_no_share(paper):
    assert gap_closed(paper[paper.seed == 0].assign(f1=0.5), CPFD, "f1").share is None


def test_differences_are_paired_over_seeds(paper):
    found = compare(paper, CPFD, PFD, "f1")
    expected = stats.ttest_rel(PAPER[CPFD], PAPER[PFD])
    assert found.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert found.over_seeds.mean + found.over_seeds.half == pytest.approx(high)
    assert found.over_seeds.mean - found.over_seeds.half == pytest.approx(low)


def test_one_teacher_stands_for_all_seeds(paper):
    single = paper[(paper.model != TEACHER) | (paper.seed == 0)]
    assert compare(single, TEACHER, BASELINE, "f1").over_seeds.mean == pytest.approx(0.6277 - np.mean(PAPER[BASELINE]))


def test_a_single_seed_has_no_interval():
    assert np.isnan(Interval.of([0.5]).half)


def scores(rng, model: str, seed: int, noise: float, classes: int = 2) -> pd.DataFrame:
    """Scores of 400 judging videos, the same labels for every model."""
    labels = np.random.default_rng(7).integers(classes, size=400)
    logits = np.eye(classes)[labels] + noise * rng.normal(size=(400, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return pd.DataFrame(
        {
            "model": model,
            "seed": seed,
            "video_id": [f"v{row}" for row in range(400)],
            "split": np.where(np.arange(400) < 100, "tuning", "evaluation"),
            "label": labels,
            "probabilities": list(probabilities),
        }
    )


def test_rows_say_which_model_is_better(rng):
    table = pd.concat([scores(rng, m, s, noise) for s in range(2) for m, noise in (("good", 0.3), ("poor", 3.0))])
    low, high = compare_rows(table, "good", "poor")
    assert 0.05 < low < high
    measured = measure(table).set_index(["model", "seed"])
    assert measured.loc[("good", 0)].roc_auc > measured.loc[("poor", 0)].roc_auc
    assert low < (measured.loc["good"].f1 - measured.loc["poor"].f1).mean() < high
    shuffled = table.sample(frac=1, random_state=0)
    assert compare_rows(shuffled, "good", "poor") == (low, high)


def test_the_teachers_loss_is_set_beside_the_students_being_right(rng):
    table = pd.concat([scores(rng, TEACHER, 0, 0.5), scores(rng, PFD, 0, 1.0), scores(rng, PFD, 1, 1.0)])
    found = teacher_loss_table(table, PFD)
    assert len(found) == 2 * 300
    teacher = table[table.model == TEACHER].set_index("video_id")
    row = found.iloc[17]
    expected = -np.log(teacher.probabilities[row.video_id][row.label])
    assert row.teacher_loss == pytest.approx(expected)
    assert 0 < found.right.mean() < 1


def test_a_corrected_prior_finds_rare_classes_and_keeps_even_ones(rng):
    labels = rng.choice(3, size=2_000, p=[0.9, 0.06, 0.04])
    logits = np.log([0.9, 0.06, 0.04]) + 1.5 * np.eye(3)[labels] + rng.normal(size=(2_000, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    ruler = Ruler("f1", 3)
    factors = ruler.choose_threshold(probabilities[:1_000], labels[:1_000])
    decided = (decide(probabilities[1_000:], each) for each in (factors, (1.0, 1.0, 1.0)))
    after, before = (ruler.values(ruler.confusion(labels[1_000:], each)) for each in decided)
    assert after > before + 0.05
    assert factors[2] > factors[0]
    even = np.arange(300) % 3
    assert set(ruler.choose_threshold(np.eye(3)[even], even)) == {1.0}


def test_p_values_are_corrected_for_how_many_they_are():
    found = holm([0.04, 0.01, float("nan"), 0.03])
    assert found[:2] == pytest.approx([0.06, 0.03])
    assert np.isnan(found[2])
    assert found[3] == pytest.approx(0.06)
