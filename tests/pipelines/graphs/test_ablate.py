"""The graphs of a study and of a pre-training: who reads what, and who waits for whom."""

import json

import pytest
import yaml
from kfp import compiler

from models.studies.variants import full_study
from pipelines.graphs.ablate import ablate_pipeline
from pipelines.graphs.pretrain import pretrain_pipeline
from pipelines.task import load_task, task_files


def compiled(pipeline, folder) -> dict:
    compiler.Compiler().compile(pipeline, str(folder / "p.yaml"))
    return next(yaml.safe_load_all((folder / "p.yaml").read_text()))


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> dict:
    return compiled(ablate_pipeline(load_task("low_quality"), 3), tmp_path_factory.mktemp("compiled"))


@pytest.mark.parametrize("name", list(task_files()))
def test_every_task_has_a_study_and_a_pre_training(name, tmp_path):
    task = load_task(name)
    assert "train-variants" in compiled(ablate_pipeline(task, 1), tmp_path)["root"]["dag"]["tasks"]
    steps = compiled(pretrain_pipeline(task), tmp_path)["root"]["dag"]["tasks"]
    assert "privileged" not in json.dumps(steps["pretrain"])


def test_only_teachers_read_privileged_features_in_a_study(study):
    readers = set()
    for name, step in study["root"]["dag"]["tasks"].items():
        for given in step.get("inputs", {}).get("artifacts", {}).values():
            if given.get("taskOutputArtifact", {}).get("outputArtifactKey") == "privileged":
                readers.add(name.rstrip("-0123456789"))
    assert readers == {"validate-features", "train-teacher", "score-teacher", "score-peers"}


def test_groups_wait_for_their_own_teacher_alone(study):
    """So that a cluster trains them side by side."""
    tasks = study["root"]["dag"]["tasks"]
    groups = [name for name in tasks if name.startswith("train-variants")]
    assert len(groups) == 8
    for name in groups:
        suffix = name.removeprefix("train-variants")
        waits = set(tasks[name]["dependentTasks"])
        assert not [other for other in waits if other.startswith(("train-variants", "train-teacher"))]
        assert f"score-teacher{suffix}" in waits


def test_every_variant_of_the_plan_is_trained(study):
    tasks = study["root"]["dag"]["tasks"]
    given = tasks["train-variants"]["inputs"]["parameters"]["variants"]["runtimeValue"]["constant"]
    names = [each["name"] for each in json.loads(given)]
    assert names == [each.name for each in full_study(load_task("low_quality").recipe)]
    assert {"baseline", "PFD", "CPFD", "CPFD, threshold", "CPFD, T = 2", "label smoothing", "PAD"} <= set(names)
