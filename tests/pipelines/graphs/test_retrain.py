"""The compiled graph."""

from pathlib import Path

import pytest
import yaml
from source_code import ROOT

from common.source import code_digest, imported_files
from pipelines.graphs import pipeline
from pipelines.graphs.compile import compile_task
from pipelines.task import load_task, task_files


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = compile_task(load_task("low_quality"), tmp_path_factory.mktemp("compiled") / "low_quality.yaml")
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("name", list(task_files()))
def test_every_task_compiles_twice_to_the_same_bytes(name, tmp_path):
    task = load_task(name)
    assert compile_task(task, tmp_path / "a.yaml").read_bytes() == compile_task(task, tmp_path / "b.yaml").read_bytes()
    assert not list(tmp_path.glob(".*"))


def steps_of(spec: dict) -> dict:
    """The steps of a run, which the exit handler surrounds."""
    assert set(spec["root"]["dag"]["tasks"]) == {"close-run", "exit-handler-1"}
    return spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]


def test_the_steps_are_those_of_the_design(compiled):
    (condition,) = [name for name in steps_of(compiled[0]) if name.startswith("condition")]
    steps = set(steps_of(compiled[0])) - {condition}
    inside = set(compiled[0]["components"][f"comp-{condition}"]["dag"]["tasks"])
    assert steps == {
        "select-window", "validate-data", "retrieve-features", "validate-features", "decode-clips", "train-baseline",
        "train-teacher", "score-teacher", "check-teacher", "distill-student", "score-peers", "find-champion",
        "score-champion", "evaluate", "gate", "register", "open-run",
    }  # fmt: skip
    assert inside == {"package", "check-parity", "nominate"}


def test_recipes_that_share_labels_share_what_comes_before_distillation(compiled, tmp_path):
    """A cache then gives the second its window, its checked rows, its clips and its baseline."""
    task = load_task("low_quality")
    other = task.model_copy(
        update={"task": "mine", "distillation": task.distillation.model_copy(update={"teacher_epochs": 1})}
    )
    assert other.recipe != task.recipe
    theirs = steps_of(next(yaml.safe_load_all(compile_task(other, tmp_path / "mine.yaml").read_text())))
    ours = steps_of(compiled[0])
    alike = {name for name, step in ours.items() if step["inputs"] == theirs[name]["inputs"]}
    assert {"select-window", "validate-data", "validate-features", "decode-clips", "train-baseline"} <= alike
    assert not {"train-teacher", "score-teacher", "distill-student", "evaluate"} & alike


def test_decoding_waits_for_the_features_to_pass(compiled):
    assert "validate-features" in steps_of(compiled[0])["decode-clips"]["dependentTasks"]


def test_training_asks_for_a_gpu(compiled):
    executors = compiled[0]["deploymentSpec"]["executors"]
    for step in ("train-baseline", "train-teacher", "distill-student"):
        accelerator = executors[f"exec-{step}"]["container"]["resources"]["accelerator"]
        assert accelerator["resourceType"] == "nvidia.com/gpu"


def test_the_window_is_data_given_at_run_time(compiled):
    parameters = compiled[0]["root"]["inputDefinitions"]["parameters"]
    assert {"corpus", "window_end", "months", "seed", "snapshot"} <= set(parameters)


def code_of_steps(spec: dict) -> dict[str, str]:
    """The digest of its code that each step is given, so that a cache forgets the step when its code changes."""
    executors = spec["deploymentSpec"]["executors"]
    return {
        name.removeprefix("exec-"): variable["value"]
        for name, each in executors.items()
        for variable in each["container"].get("env", [])
        if variable["name"] == "CPFD_CODE"
    }


def test_every_step_is_given_the_digest_of_its_own_code(compiled):
    """The steps inside the condition too."""
    given = code_of_steps(compiled[0])
    assert len(given) == 21
    assert set(given) == {name.removeprefix("exec-") for name in compiled[0]["deploymentSpec"]["executors"]}
    assert len(set(given.values())) == len(given)
    for step, code in given.items():
        assert code == code_digest(f"components.{step.replace('-', '_')}")


def compiled_again(folder: Path) -> dict:
    return next(yaml.safe_load_all(compile_task(load_task("low_quality"), folder / "again.yaml").read_text()))


def test_steps_that_import_what_changed_repeat_and_others_do_not(compiled, tmp_path, monkeypatch):
    loop = ROOT / "models" / "training" / "loop.py"

    def changed(module: str) -> str:
        return code_digest(module) + (", changed" if loop in imported_files(module) else "")

    monkeypatch.setattr(pipeline, "code_digest", changed)
    before, after = code_of_steps(compiled[0]), code_of_steps(compiled_again(tmp_path))
    repeated = {step for step in before if before[step] != after[step]}
    assert {"train-baseline", "train-teacher", "distill-student"} <= repeated
    assert not repeated & {"select-window", "retrieve-features", "decode-clips"}


def test_other_files_of_start_weights_repeat_every_step(compiled, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "named_files_digest", lambda _: "of other weights")
    before, after = code_of_steps(compiled[0]), code_of_steps(compiled_again(tmp_path))
    assert len(after) == 21
    assert not [step for step in before if before[step] == after[step]]
