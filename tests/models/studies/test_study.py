"""Variants over one ground: what they change, what they share, and that processes change no result."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from models.evaluation.scoring import score_teachers
from models.studies.study import Ground, Variant, step_matched_epochs, teacher_rows, thin_labels, train_variants
from models.studies.variants import BASELINE, CPFD, MAIN, PRIVILEGED, full_study
from models.training.teachers import train_teachers


@pytest.fixture(scope="module")
def ground(artifacts, run_data, recipe, tmp_path_factory) -> Ground:
    folder = tmp_path_factory.mktemp("study")
    dense = artifacts / "privileged"
    teachers = [teacher for teacher, _ in train_teachers(run_data, dense, recipe, 0).values()]
    targets, judged = score_teachers(teachers, run_data, dense, recipe)
    pq.write_table(targets.table(), folder / "soft_targets.parquet")
    pq.write_table(judged, folder / "teacher_scores.parquet")
    return Ground(artifacts / "catalogue.parquet", artifacts / "clips.arrow", folder / "soft_targets.parquet", recipe)


def test_processes_change_no_result(ground):
    counted: list[int] = []
    alone = train_variants(ground, MAIN, range(2), processes=1)
    shared = train_variants(ground, MAIN, range(2), processes=2, progress=counted.append)
    assert counted == list(range(1, 7))
    assert list(alone.model) == list(shared.model)
    for first, second in zip(alone.probabilities, shared.probabilities, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)
    by_model = alone[alone.seed == 0].groupby("model").probabilities.apply(lambda values: np.stack(values.to_list()))
    assert np.abs(by_model[BASELINE] - by_model[CPFD]).max() > 1e-3
    assert alone[alone.model == CPFD].groupby("seed").video_id.apply(tuple).nunique() == 1


def test_the_teacher_is_judged_on_the_same_rows(ground, catalogue):
    rows = teacher_rows(ground.catalogue, ground.soft_targets.with_name("teacher_scores.parquet"), ground.settings, 0)
    judging = catalogue[catalogue.split.isin(("tuning", "evaluation"))]
    assert set(rows.video_id) == set(judging.video_id)
    truth = judging.set_index("video_id").label.map(ground.settings.classes.index)
    assert (rows.set_index("video_id").label == truth.loc[rows.video_id]).all()


def test_a_variant_changes_what_it_says_and_is_checked(recipe):
    changed = Variant(name="x", changes={"method": {"temperature": 2.0}}, epochs=7).settings(recipe)
    assert (changed.distillation.method.temperature, changed.training.epochs) == (2.0, 7)
    assert changed.distillation.folds == recipe.distillation.folds
    with pytest.raises(ValidationError):
        Variant(name="x", changes={"method": {"temprature": 2.0}}).settings(recipe)
    assert PRIVILEGED.settings(recipe) == recipe


def test_every_variant_of_the_full_study_is_another_one(recipe):
    variants = full_study(recipe)
    assert len({each.name for each in variants}) == len(variants)
    distilled = [each.settings(recipe).distillation.model_dump_json() for each in variants if each.changes]
    assert len(set(distilled)) == len(distilled)


def test_fewer_labels_keep_classes_and_become_unlabelled(catalogue):
    thinned = thin_labels(catalogue, 0.25, folds=2, seed=0)
    before, after = (frame[frame.split == "train"].label.value_counts() for frame in (catalogue, thinned))
    assert after.to_dict() == {label: max(2, round(0.25 * count)) for label, count in before.items()}
    dropped = thinned[(thinned.split == "unlabelled") & (catalogue.split == "train").to_numpy()]
    assert dropped.label.isna().all()
    assert (dropped.fold == -1).all()
    judging = ["tuning", "evaluation"]
    pd.testing.assert_frame_equal(thinned[thinned.split.isin(judging)], catalogue[catalogue.split.isin(judging)])
    assert not thinned.equals(thin_labels(catalogue, 0.25, folds=2, seed=1))
    assert thin_labels(catalogue, 1, 2, 0) is catalogue


def test_a_step_matched_baseline_takes_the_students_steps(recipe):
    rows = pd.DataFrame({"split": ["train"] * 320 + ["unlabelled"] * 640 + ["evaluation"] * 99})

    def epochs(**changes) -> int | None:
        return step_matched_epochs(rows, Variant(name="x", changes=changes).settings(recipe))

    assert epochs(unlabelled=True) == 3 * recipe.training.epochs
    assert epochs(unlabelled=False) is None
    assert epochs(unlabelled=False, student_epochs=9) == 9
    assert epochs(unlabelled=True, method="label_smoothing") is None


def test_a_rare_class_keeps_a_row_of_every_fold():
    rows = pd.DataFrame({"split": "train", "label": ["rare"] * 24 + ["frequent"] * 300, "fold": np.arange(324) % 3})
    for seed in range(40):
        thinned = thin_labels(rows, 0.125, folds=3, seed=seed)
        kept = thinned[thinned.split == "train"]
        assert set(kept.fold[kept.label == "rare"]) == {0, 1, 2}
        assert (kept.label == "rare").sum() == 3
