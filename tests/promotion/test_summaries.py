"""Status: what MLflow holds, read without it, for runs that finished and runs that did not."""

import dataclasses
import json
import subprocess
import sys
from datetime import datetime

import pytest
from run_records import TASK, Ledger, archive, record

from pipelines.local.runs import find_outcome, task_status
from pipelines.local.workspace import Workspace
from promotion.errors import RegistryError
from promotion.records import record_run
from promotion.registry import nominate, promote
from promotion.runs import begin_run, close_abandoned, end_run


@pytest.fixture
def workspace(tracking_uri, tmp_path) -> Workspace:
    """A passed run, one that failed, one that was killed and one that goes on."""
    begun = begin_run(tracking_uri, TASK, "passed", {})
    run_id, version = record_run(tracking_uri, record(tmp_path / "files", "passed"))
    packed, parity = archive(tmp_path / "archive", "bytes")
    nominate(tracking_uri, TASK, run_id, version, packed, parity)
    end_run(tracking_uri, begun, "FINISHED")
    end_run(tracking_uri, begin_run(tracking_uri, TASK, "failed", {}), "FAILED", "the disk is full")
    begin_run(tracking_uri, TASK, "killed", {})
    begin_run(tracking_uri, TASK, "going on", {})
    close_abandoned(tracking_uri, TASK, lambda name: name == "going on")
    return Workspace.at(tmp_path)


def test_status_shows_every_run_with_its_end_reason_and_duration(workspace, tracking_uri):
    found = task_status(workspace, TASK)
    assert [(run.name, run.status) for run in found.runs] == [
        ("going on", "running"), ("killed", "killed"), ("failed", "failed"), ("passed", "finished")
    ]  # fmt: skip
    _, killed, failed, passed = found.runs
    assert failed.reason == "the disk is full"
    assert "killed" in killed.reason
    assert (passed.verdict, passed.version, failed.verdict, failed.version) == ("passed", "1", "", "")
    assert (found.champion, found.challenger) == (None, "1")
    promote(tracking_uri, TASK)
    assert task_status(workspace, TASK).champion == "1"


def test_status_says_what_mlflow_says(workspace, tracking_uri):
    by_name = {run.info.run_name: run for run in Ledger(tracking_uri).top()}
    for each in task_status(workspace, TASK).runs:
        run = by_name[each.name]
        assert each.status.upper() == run.info.status
        assert datetime.fromisoformat(each.started).timestamp() == run.info.start_time // 1000
        if run.info.end_time is not None:
            assert each.seconds == (run.info.end_time - run.info.start_time) / 1000
        assert each.metrics == run.data.metrics
    assert task_status(workspace, TASK).runs[-1].metrics["f1_difference"] == pytest.approx(0.05)


def test_a_status_is_plain_data(workspace):
    found = dataclasses.asdict(task_status(workspace, TASK, newest=2))
    assert json.loads(json.dumps(found)) == found
    assert [run["name"] for run in found["runs"]] == ["going on", "killed"]


def test_an_outcome_has_its_evidence_or_says_why_there_is_none(workspace):
    with pytest.raises(RegistryError, match=r"failed is failed and has no verdict: the disk is full"):
        find_outcome(workspace, TASK, "failed")
    with pytest.raises(RegistryError, match="has no run nobody"):
        find_outcome(workspace, TASK, "nobody")


def test_a_task_or_a_workspace_without_runs_has_an_empty_status(workspace, tmp_path):
    assert task_status(workspace, "topic").runs == []
    assert task_status(Workspace.at(tmp_path / "new"), TASK).runs == []
    assert not (tmp_path / "new").exists()


def test_a_damaged_database_is_named(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database " * 100)
    with pytest.raises(RegistryError, match="mlflow.db is damaged"):
        task_status(Workspace.at(tmp_path), TASK)


def test_status_imports_neither_mlflow_nor_torch_nor_pandas():
    heavy = "{'mlflow', 'torch', 'pandas', 'sklearn', 'pyarrow', 'sqlalchemy'}"
    code = f"import sys, pipelines.local.runs; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
