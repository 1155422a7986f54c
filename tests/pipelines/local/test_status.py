"""What has run here, told from run folders and the registry's database."""

import os

import pytest
from mlflow import MlflowClient

from pipelines.local.run_state import RunState
from pipelines.local.status import task_status
from pipelines.workspace import Workspace
from promotion.tracking import prepare


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.at(tmp_path)


def a_run(workspace: Workspace, name: str, started: float, status: str, **more) -> None:
    (workspace.runs / name).mkdir(parents=True)
    RunState(workspace.runs / name, "topic", started).note(status, "gate", "why" if status == "failed" else "", **more)


def test_runs_come_newest_first_with_how_they_ended(workspace):
    a_run(workspace, "passed", 1, "finished", passed=True, difference=0.02, version="1")
    a_run(workspace, "failed", 2, "failed")
    a_run(workspace, "going on", 3, "running")
    (found,) = task_status(workspace)
    assert [(run["run"], run["status"]) for run in found["runs"]] == [
        ("going on", "running"), ("failed", "failed"), ("passed", "finished")
    ]  # fmt: skip
    assert found["runs"][1]["reason"] == "why"
    assert found["runs"][2]["version"] == "1"
    assert (found["champion"], found["challenger"]) == (None, None)
    assert [run["run"] for run in task_status(workspace, newest=1)[0]["runs"]] == ["going on"]
    assert task_status(workspace, "other") == []


def test_a_run_whose_process_is_gone_is_stopped_even_if_another_has_its_number(workspace):
    a_run(workspace, "killed", 1, "running")
    path = workspace.runs / "killed" / "state.json"
    for pid, started in ((os.getpid(), 1.0), (2**22 + 1, 1.0)):
        path.write_text(f'{{"run": "killed", "task": "topic", "status": "running", "step": "", "reason": "", '
                        f'"started": 1, "seconds": 1, "pid": {pid}, "pid_started": {started}}}')  # fmt: skip
        assert task_status(workspace)[0]["runs"][0]["status"] == "stopped"


def test_aliases_are_those_of_the_registry(workspace):
    workspace.folder.mkdir(exist_ok=True)
    prepare(workspace.tracking_uri, workspace.tracked_artifacts, "topic")
    client = MlflowClient(workspace.tracking_uri)
    client.create_registered_model("topic")
    for alias in ("champion", "challenger"):
        version = client.create_model_version("topic", source=workspace.folder.as_uri())
        client.set_registered_model_alias("topic", alias, version.version)
    (found,) = task_status(workspace)
    assert (found["champion"], found["challenger"]) == ("1", "2")
