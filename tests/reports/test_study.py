"""The page of a study, from scores made up so that its figures are known."""

import numpy as np
import pandas as pd
import pytest

from models.distillation.soft_targets import SoftTargets
from models.studies.variants import BASELINE, CPFD, PFD, TEACHER, full_study
from pipelines.task import load_task
from reports.study import Study, loss_by_rightness, render_study, table

NOISE = {BASELINE: 2.0, PFD: 1.4, CPFD: 1.2, TEACHER: 0.8}


def made_up(models: dict[str, float], seeds: int, classes: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=300)
    tables = []
    for model, noise in models.items():
        for seed in range(1 if model == TEACHER else seeds):
            logits = 2 * np.eye(classes)[labels] + noise * rng.normal(size=(300, classes))
            probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            tables.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "seed": seed,
                        "video_id": [f"v{row}" for row in range(300)],
                        "split": np.where(np.arange(300) < 100, "tuning", "evaluation"),
                        "label": labels,
                        "probabilities": list(probabilities),
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def study_of(name: str, seeds: int) -> Study:
    task = load_task(name)
    classes = len(task.classes)
    rng = np.random.default_rng(1)
    logits = np.log(rng.dirichlet(np.ones(classes), 120)).astype(np.float32)
    targets = SoftTargets(
        [f"t{row}" for row in range(120)], logits, rng.integers(classes, size=120), np.zeros(120, int)
    )
    models = NOISE | {each.name: 1.5 for each in full_study(task.recipe) if each.name not in NOISE}
    corpus = {"name": "made_up", "simulated": True, "made_by": "a test", "description": "<b>none</b>"}
    facts = {
        "task": name, "window_start": "2026-06-01", "window_end": "2026-09-01", "corpus": corpus, "seed": 0,
        "snapshot": "abc", "code_version": "def",
    }  # fmt: skip
    cost = {who: {"parameters": 1_000, "flops": 2e6, "milliseconds": 0.5} for who in ("student", "teacher")}
    return Study(
        facts=facts,
        settings=task.model_dump(mode="json"),
        targets=targets,
        cost={**cost, "dense_features_milliseconds": 1.5},
        scores=made_up(models, seeds, classes),
        by_share={share: made_up(NOISE, seeds, classes) for share in (0.5, 0.25, 0.125)},
    )


@pytest.mark.parametrize(("name", "seeds"), [("low_quality", 3), ("topic", 2), ("low_quality", 1)])
def test_the_page_has_every_table_and_escapes_what_it_is_told(name, seeds):
    page = render_study(study_of(name, seeds))
    for words in ("table 1", "table 3", "table 4", "table 6", "table 7", "CPFD, threshold", "T = 2", "PAD", "rivals"):
        assert words in page
    assert page.count("<svg") == 4
    assert "<b>none</b>" not in page
    assert "4.0 times its time" in page
    assert "nan" not in page.split("<details>")[0].replace("tanh", "").lower().split("<svg")[0]


def test_figures_of_the_table_are_those_of_the_scores():
    study = study_of("low_quality", 3)
    measures = study.measures()
    assert set(measures.share) == {1.0, 0.5, 0.25, 0.125}
    rows = {row.name: row for row in table(study, measures[measures.share == 1.0], [BASELINE, CPFD, TEACHER, "other"])}
    assert set(rows) == {BASELINE, CPFD, TEACHER}
    own = measures[(measures.model == CPFD) & (measures.share == 1.0)].macro_f1
    assert rows[CPFD].metrics["macro_f1"].mean == pytest.approx(own.mean())
    assert rows[CPFD].against_baseline.over_seeds.mean > 0.03
    assert 0 < rows[CPFD].gap["roc_auc"].share < 1
    assert rows[CPFD].rows_against_baseline[0] < rows[CPFD].against_baseline.over_seeds.mean


def test_the_teachers_loss_is_higher_where_the_student_is_wrong():
    _, rows = loss_by_rightness(study_of("low_quality", 3))
    assert [row["right"] for row in rows] == [True, False]
    assert sum(row["videos"] for row in rows) == pytest.approx(200)
    assert all(np.isfinite(row["all"]) for row in rows)
