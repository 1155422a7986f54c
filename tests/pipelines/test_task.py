"""Task files: all that come with the program load, and a mistake is reported with its line."""

import pytest

from models.distillation.mappings import Threshold
from models.distillation.methods import CPFD, PFD
from pipelines.task import TASKS, Task, TaskError, load_task, task_files

GOOD = """task: mine
description: A task
classes: [good, bad]
training:
  epochs: 3
"""


def test_every_task_of_the_house_loads():
    assert {"fight", "harmful_content", "low_quality", "top_caption", "topic", "violating"} <= set(task_files())
    for name in task_files():
        assert load_task(name).task == name
    assert TASKS.is_dir()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (GOOD.replace("epochs: 3", "epoch: 3"), r"mine.yaml, line 5: training.epoch: unknown key"),
        (GOOD.replace("epochs: 3", "epochs: many"), r"mine.yaml, line 5: training.epochs: Input should be a valid int"),
        (
            GOOD.replace("epochs: 3", "epochs: 0"),
            r"line 5: training.epochs: Input should be greater than or equal to 1",
        ),
        (GOOD + "colour: red\n", r"line 6: colour: unknown key"),
        (GOOD + "description: again\n", r"line 6: description is given twice"),
        (GOOD.replace("[good, bad]", "[bad]"), r"line 3: classes: .*at least 2"),
        (GOOD.replace("[good, bad]", "[bad, bad]"), r"line 3: classes: .*distinct"),
        (GOOD.replace("description: A task\n", ""), r"description: Field required"),
        (GOOD.replace("task: mine", "task: other"), r"named after another task"),
        (GOOD.replace("task: mine", "task: ../mine"), r"line 1: task: .*lower-case"),
        (GOOD + "profile: huge\n", r"line 6: profile: .*there are base, laptop, tiny"),
        (GOOD + "features: [reports, reports]\n", r"line 6: features: .*distinct"),
        (GOOD.replace("epochs: 3", "epochs: [3"), r"mine.yaml is not YAML"),
        ("- a list\n", "must map keys to values"),
        (
            GOOD + "distillation:\n  method:\n    name: cpfd\n    mapping:\n      name: exponential_decay\n"
            "      alpha_min: 0.9\n      alpha_max: 0.1\n",
            r"line 9: distillation.method.mapping: .*alpha_min must not be above alpha_max",
        ),
        (
            GOOD + "distillation:\n  method:\n    name: cpfd\n    mapping: {name: threshold, threshold: 0.5}\n"
            "    slope: 4\n",
            r"mine.yaml, line 10: distillation.method.slope: unknown key",
        ),
        (
            GOOD + "distillation:\n  method:\n    name: cpfd\n    mapping:\n      name: threshold\n"
            "      threshold: 0.5\n      slope: 4\n",
            r"mine.yaml, line 12: distillation.method.mapping.slope: unknown key",
        ),
        (
            GOOD + "distillation:\n  method: {name: cpfd, mapping: {name: threshold,\n      threshold: -1}}\n",
            r"mine.yaml, line 8: distillation.method.mapping.threshold: Input should be greater than 0",
        ),
        (GOOD + "distillation: {method: cpf}\n", r"line 6: distillation.method: .*no method cpf: there are .*cpfd"),
        (GOOD + "distillation: {method: {alpha: 0.1}}\n", r"line 6: distillation.method: .*a method needs its name"),
        (
            GOOD + "distillation: {method: {name: pfd, mapping: tanh}}\n",
            r"line 6: distillation.method.mapping: unknown key",
        ),
        (
            GOOD + "window:\n  evaluation_share: 0.8\n  tuning_share: 0.2\n",
            "line 6: window: .*leave at least a tenth",
        ),
        (
            GOOD.replace("classes: [good, bad]", "classes: !!python/object/apply:os.system ['true']"),
            "not YAML|could not",
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path, text, sentence):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(TaskError, match=sentence):
        load_task("mine", tmp_path)


def test_an_unknown_task_is_told_with_those_there_are():
    with pytest.raises(TaskError, match="there is no task nobody: there are fight, .*named by its path"):
        load_task("nobody")


def test_frames_too_small_for_the_windows_are_told(tmp_path):
    (tmp_path / "small.yaml").write_text(
        "task: small\ndescription: x\nclasses: [a, b]\nclips: {image_size: 32}\nnetwork: {patch_size: 8}\n"
    )
    with pytest.raises(TaskError, match="leave 0 x 0 patches to the last of 4 stages"):
        load_task("small", tmp_path)


def test_a_task_file_is_run_by_its_path_and_goes_before_a_built_in_one_of_its_name(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD)
    (tmp_path / "topic.yaml").write_text(GOOD.replace("task: mine", "task: topic"))
    assert load_task(str(tmp_path / "mine.yaml")) == load_task("mine", tmp_path)
    assert load_task("topic", tmp_path).classes == ("good", "bad")
    assert len(load_task("topic").classes) == 5
    with pytest.raises(TaskError, match=r"there is no task file at .*other.yaml"):
        load_task(str(tmp_path / "other.yaml"))


def test_labels_are_the_tasks_own_unless_it_names_others(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert load_task("mine", tmp_path).labels == "mine"
    (tmp_path / "mine.yaml").write_text(GOOD + "labels: topic\n")
    assert load_task("mine", tmp_path).labels == "topic"


def test_a_profile_gives_sizes_and_the_file_goes_over_them(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD + "profile: laptop\nclips: {frames: 3}\n")
    task = load_task("mine", tmp_path)
    assert (task.clips.frames, task.clips.image_size, task.network.text_width) == (3, 64, 64)
    assert (task.training.epochs, task.training.batch_size) == (3, 32)
    again = Task.model_validate(task.model_dump(mode="json"))
    assert again == task


def test_sizes_that_a_start_brings_are_not_taken_from_a_profile(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD + "profile: laptop\nnetwork: {start: somewhere}\n")
    assert load_task("mine", tmp_path).network.start == "somewhere"


@pytest.mark.parametrize("profile", ["tiny", "laptop", "base"])
def test_every_profile_is_whole(tmp_path, profile):
    (tmp_path / "mine.yaml").write_text(GOOD + f"profile: {profile}\n")
    assert load_task("mine", tmp_path).profile == profile


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cpfd", CPFD()),
        ("pfd", PFD()),
        ("{name: pfd, alpha: 0.9}", PFD(alpha=0.9)),
        ("{name: cpfd, mapping: threshold}", CPFD(mapping=Threshold())),
        (
            "{name: cpfd, temperature: 2, mapping: {name: threshold, threshold: 0.5}}",
            CPFD(temperature=2, mapping=Threshold(threshold=0.5)),
        ),
    ],
)
def test_a_method_is_a_name_or_a_name_with_its_settings(tmp_path, written, meant):
    (tmp_path / "mine.yaml").write_text(GOOD + f"distillation: {{method: {written}}}\n")
    task = load_task("mine", tmp_path)
    assert task.distillation.method == meant
    assert Task.model_validate(task.model_dump(mode="json")) == task
    assert Task.model_validate_json(task.model_dump_json()) == task
