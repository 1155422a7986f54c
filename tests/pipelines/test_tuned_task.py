"""The task file that a tuning leaves: one that loads, says where it comes from, and takes nobody's place."""

from pathlib import Path

import pytest

from models.studies.search_space import Tuned, search_space, tried
from pipelines.task import Task, TaskError, load_task, task_path
from pipelines.tuned_task import tuned_path, write_tuned

MINE = """# of mine
task: mine
description: Ça marche?
classes: ["yes", "no"]
labels: quality
profile: tiny
training: {learning_rate: 0.002}
distillation:
  unlabelled: true
  method: cpfd
"""


def outcome(task: Task, best_trial: int = 4, **chosen) -> Tuned:
    own = {each.path: each.written(each.own) for each in search_space(task.recipe)}
    return Tuned(
        study=f"{task.task}-0123", metric="F1", folds=3, trials=20, pruned=6,
        own=own, own_value=0.7311, best=own | chosen, best_value=0.7533, best_trial=best_trial,
    )  # fmt: skip


@pytest.fixture
def mine(tmp_path) -> Path:
    (tmp_path / "mine.yaml").write_text(MINE)
    return tmp_path / "mine.yaml"


@pytest.mark.parametrize("name", ["topic", "low_quality", "mine"])
def test_the_file_is_the_task_with_what_was_chosen_and_names_its_origin(name, mine, tmp_path):
    task = load_task(name, tmp_path)
    chosen = {
        "training.learning_rate": 1.5e-05,
        "training.epochs": 3,
        "distillation.method.temperature": 2.5,
        "distillation.method.mapping": {"name": "threshold", "alpha_min": 0.1, "alpha_max": 0.9},
    }
    tuned = outcome(task, **chosen)
    path = tuned_path(task, tmp_path / "tasks", None)
    assert path == tmp_path / "tasks" / f"{name}_tuned.yaml"
    write_tuned(task_path(name, tmp_path), task, tuned, path)
    written = load_task(f"{name}_tuned", tmp_path / "tasks")
    assert written.recipe == tried(task.recipe, tuned.best)
    assert written.labels == task.labels
    same = {"task", "training", "distillation", "network"}
    assert written.model_dump(exclude=same) == task.model_dump(exclude=same)
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert f"Study {name}-0123" in comments[0]
    assert "20 trials, 6 of them cut short, each judged on 3 folds of the training rows alone" in comments[1]
    assert "Mean F1 0.7311 with the task's own settings, 0.7533 with these (trial 4)" in comments[2]
    assert f"run {name} and {name}_tuned" in comments[3]


def test_where_the_own_settings_are_the_best_the_file_says_so(mine):
    task = load_task(str(mine))
    path = mine.with_name("mine_tuned.yaml")
    write_tuned(mine, task, outcome(task, best_trial=1), path)
    tuned = load_task(str(path)).recipe
    assert tuned.wide == task.recipe.wide
    assert {**tuned.model_dump(), "network": None} == {**task.recipe.model_dump(), "network": None}
    assert "no others were better than the task's own on every fold" in path.read_text()


def test_a_file_that_is_there_is_kept_unless_it_is_the_same(mine):
    task = load_task(str(mine))
    path = mine.with_name("mine_tuned.yaml")
    for _ in range(2):
        write_tuned(mine, task, outcome(task), path)
    kept = path.read_text()
    with pytest.raises(TaskError, match=r"mine_tuned.yaml is there already .*--output") as told:
        write_tuned(mine, task, outcome(task, **{"training.epochs": 4}), path)
    assert "\n" not in str(told.value)
    assert path.read_text() == kept
    write_tuned(mine, task, outcome(task, **{"training.epochs": 4}), mine.with_name("other.yaml"))
    assert load_task(str(mine.with_name("other.yaml"))).training.epochs == 4
    assert {each.name for each in mine.parent.iterdir()} == {"mine.yaml", "mine_tuned.yaml", "other.yaml"}


@pytest.mark.parametrize(("output", "sentence"), [("Mine.yaml", "a task cannot be named Mine"), ("mine.txt", ".yaml")])
def test_a_file_that_no_task_can_be_named_after_is_refused(mine, output, sentence):
    with pytest.raises(TaskError, match=sentence):
        tuned_path(load_task(str(mine)), mine.parent, mine.with_name(output))
