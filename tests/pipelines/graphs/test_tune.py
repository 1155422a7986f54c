"""The graph of a tuning: who reads what."""

import json
from pathlib import Path

import pytest
import yaml
from kfp import compiler

from pipelines.graphs.tune import tune_pipeline
from pipelines.task import load_task, task_files


def steps(name: str, folder: Path) -> dict:
    compiler.Compiler().compile(tune_pipeline(load_task(name), 7, "sqlite:////x.db"), str(folder / "p.yaml"))
    return next(yaml.safe_load_all((folder / "p.yaml").read_text()))["root"]["dag"]["tasks"]


@pytest.mark.parametrize("name", list(task_files()))
def test_features_go_to_their_check_and_to_the_tuning_and_nothing_from_there(name, tmp_path):
    """The tuning trains teachers and students in one step, whose outputs are settings and numbers."""
    readers, from_tune = set(), []
    tasks = steps(name, tmp_path)
    for step, each in tasks.items():
        for given in each.get("inputs", {}).get("artifacts", {}).values():
            source = given.get("taskOutputArtifact", {})
            readers |= {step} if source.get("outputArtifactKey") == "privileged" else set()
            from_tune += [step] if source.get("producerTask") == "tune" else []
    assert readers == {"validate-features", "tune"}
    assert from_tune == []
    given = tasks["tune"]["inputs"]["parameters"]
    assert given["trials"]["runtimeValue"]["constant"] == 7
    assert given["storage"]["runtimeValue"]["constant"] == "sqlite:////x.db"
    assert json.loads(given["recipe"]["runtimeValue"]["constant"]) == json.loads(
        load_task(name).recipe.model_dump_json()
    )
    assert not tasks["tune"]["cachingOptions"]
