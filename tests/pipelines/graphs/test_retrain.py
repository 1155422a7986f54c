"""The compiled graph."""

import pytest
import yaml

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


def test_the_steps_are_those_of_the_design(compiled):
    (condition,) = [name for name in compiled[0]["root"]["dag"]["tasks"] if name.startswith("condition")]
    steps = set(compiled[0]["root"]["dag"]["tasks"]) - {condition}
    inside = set(compiled[0]["components"][f"comp-{condition}"]["dag"]["tasks"])
    assert steps == {
        "select-window", "validate-data", "retrieve-features", "validate-features", "decode-clips", "train-baseline",
        "train-teacher", "score-teacher", "check-teacher", "distill-student", "evaluate", "gate", "register",
    }  # fmt: skip
    assert inside == {"package", "check-parity", "nominate"}


def test_decoding_waits_for_the_features_to_pass(compiled):
    assert "validate-features" in compiled[0]["root"]["dag"]["tasks"]["decode-clips"]["dependentTasks"]


def test_training_asks_for_a_gpu(compiled):
    executors = compiled[0]["deploymentSpec"]["executors"]
    for step in ("train-baseline", "train-teacher", "distill-student"):
        accelerator = executors[f"exec-{step}"]["container"]["resources"]["accelerator"]
        assert accelerator["resourceType"] == "nvidia.com/gpu"


def test_the_window_is_data_given_at_run_time(compiled):
    parameters = compiled[0]["root"]["inputDefinitions"]["parameters"]
    assert {"corpus", "window_end", "months", "seed", "snapshot"} <= set(parameters)
