"""A tuning with real trainings: who sees which rows, what is paid for once, and what a stop costs."""

from pathlib import Path

import pandas as pd
import pytest

from corpus.held_out import held_out_windows
from models.studies import tuning
from models.studies.tuning import Ground, tune
from models.training import students, teachers


@pytest.fixture(scope="module")
def ground(catalogue, artifacts, recipe) -> Ground:
    windows = held_out_windows(catalogue, recipe.distillation.folds, recipe.classes, 0)
    return Ground(windows, artifacts / "clips.arrow", artifacts / "privileged", recipe, 0)


class Fits:
    """The videos that each training saw, teachers' and students'."""

    def __init__(self) -> None:
        self.teachers: list[tuple[set[str], set[str]]] = []
        self.students: list[tuple[set[str], set[str]]] = []


@pytest.fixture
def fits(monkeypatch) -> Fits:
    found = Fits()
    for module, seen in ((teachers, found.teachers), (students, found.students)):

        def spy(model, videos, *rest, real=module.fit, seen=seen, **named):
            seen.append((set(videos.video_ids), set(named["validation"].video_ids)))
            return real(model, videos, *rest, **named)

        monkeypatch.setattr(module, "fit", spy)
    return found


def tuned(ground: Ground, folder: Path, trials: int):
    storage = f"sqlite:///{folder / 'trials.db'}"
    return tune(ground, "low_quality", trials=trials, storage=storage, kept=folder / "kept")


def test_no_training_sees_the_fold_that_judges_it_nor_a_row_that_judges_a_run(ground, catalogue, fits, tmp_path):
    found, table = tuned(ground, tmp_path, 1)
    folds, judging = ground.settings.distillation.folds, catalogue.split.isin(["tuning", "evaluation", "held_out"])
    assert found.folds == folds == 2
    assert (len(fits.teachers), len(fits.students)) == (folds * folds, folds)
    unseen = set(catalogue.video_id[judging])
    for held_out in range(folds):
        fold = set(catalogue.video_id[catalogue.fold == held_out])
        trainings = [*fits.teachers[held_out * folds : (held_out + 1) * folds], fits.students[held_out]]
        for trained, validated in trainings:
            assert trained
            assert validated
            assert not (trained | validated) & (fold | unseen)
            assert not trained & validated
    assert 0 < found.own_value == found.best_value < 1
    assert list(table.columns[:3]) == ["trial", "state", "value"]


def test_a_tuning_that_goes_on_trains_one_more_student_a_fold_and_no_teacher(ground, fits, tmp_path):
    _, before = tuned(ground, tmp_path, 2)
    paid = len(fits.teachers), len(fits.students)
    assert paid == (4, 4)
    found, table = tuned(ground, tmp_path, 3)
    assert (len(fits.teachers), len(fits.students)) == (4, 6)
    assert found.trials == 3
    pd.testing.assert_frame_equal(table[:2], before)
    assert tuned(ground, tmp_path, 3)[0] == found
    assert (len(fits.teachers), len(fits.students)) == (4, 6)


def test_soft_targets_that_a_stop_left_unwritten_are_made_by_the_next_call(ground, monkeypatch, tmp_path):
    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning.SoftTargets, "table", broken)
    with pytest.raises(KeyboardInterrupt):
        tuned(ground, tmp_path, 1)
    assert not list(tmp_path.glob("kept/*/*/soft_targets.parquet"))
    monkeypatch.undo()
    assert tuned(ground, tmp_path, 1)[0].trials == 1


def test_what_values_are_a_function_of_names_the_study(ground):
    name = ground.study("low_quality")
    assert name.startswith("low_quality-")
    assert name == Ground(list(ground.windows), ground.clips, ground.privileged, ground.settings, 0).study(
        "low_quality"
    )
    other = ground.settings.model_copy(update={"modalities": ("title",)})
    changed = [each.assign(title="x") for each in ground.windows]
    others = [
        Ground(ground.windows, ground.clips, ground.privileged, ground.settings, 1),
        Ground(ground.windows, ground.clips, ground.privileged, other, 0),
        Ground(changed, ground.clips, ground.privileged, ground.settings, 0),
    ]
    assert len({name, *(each.study("low_quality") for each in others)}) == 4
