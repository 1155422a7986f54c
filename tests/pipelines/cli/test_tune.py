"""'cpfd tune' from the command to the task file; the graph's run, which takes minutes, is stood in for."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.studies.search_space import Tuned, search_space
from pipelines.cli.main import app
from pipelines.local import run as local_run
from pipelines.local.run_state import TUNING, RunState
from pipelines.local.runner import RunResult
from pipelines.task import load_task

RATE = "training.learning_rate"


@pytest.fixture
def workspace(tmp_path, corpus) -> Path:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "simulated").symlink_to(corpus)
    return tmp_path


@pytest.fixture
def ran(monkeypatch) -> list[dict]:
    """Stands in for the run: leaves what the step leaves, and notes what it was asked for."""
    asked = []

    def run(pipeline, request, workspace, cached, watching, kind):
        steps = pipeline.pipeline_spec.root.dag.tasks
        given = {name: each.runtime_value.constant for name, each in steps["tune"].inputs.parameters.items()}
        asked.append({"trials": given["trials"].number_value, "storage": given["storage"].string_value, "kind": kind})
        own = {each.path: each.written(each.own) for each in search_space(request.task.recipe)}
        found = Tuned(
            study="topic-0123", metric="ROC-AUC", folds=3, trials=7, pruned=2, own=own, own_value=0.41,
            best=own | {RATE: 0.00235, "training.epochs": 3 + len(asked)}, best_value=0.47, best_trial=4,
        )  # fmt: skip
        folder = workspace.runs / request.inputs.run_name
        (folder / "cpfd-tune-topic-1" / "tune").mkdir(parents=True)
        (folder / "cpfd-tune-topic-1" / "tune" / "best").write_text(found.model_dump_json())
        return RunResult(folder, {"tune": 61.0}, 62.0, RunState(folder, "topic", kind=kind), {}, [])

    monkeypatch.setattr(local_run, "_run", run)
    return asked


def cpfd(workspace: Path, *arguments: str):
    return CliRunner().invoke(app, ["tune", "topic", *arguments, "--workspace", str(workspace)])


def test_the_best_settings_are_shown_and_come_as_a_task_of_the_workspace(workspace, ran):
    done = cpfd(workspace, "--trials", "7")
    assert done.exit_code == 0, done.output
    assert ran == [{"trials": 7, "storage": f"sqlite:///{workspace / 'tuning' / 'topic.db'}", "kind": TUNING}]
    (shown,) = [line.split() for line in done.output.splitlines() if RATE in line]
    assert {str(load_task("topic").training.learning_rate), "0.00235"} <= set(shown)
    (values,) = [line.split() for line in done.output.splitlines() if "mean ROC-AUC" in line]
    assert {"0.4100", "0.4700"} <= set(values)
    assert f"Task file: {workspace / 'tasks' / 'topic_tuned.yaml'}" in done.output
    tuned = load_task("topic_tuned", workspace / "tasks")
    assert (tuned.training.learning_rate, tuned.training.epochs, tuned.labels) == (0.00235, 4, "topic")


def test_a_file_that_is_there_is_not_replaced_and_another_can_be_named(workspace, ran):
    assert cpfd(workspace).exit_code == 0
    again = cpfd(workspace)
    assert "topic_tuned.yaml is there already" in str(again.exception)
    assert load_task("topic_tuned", workspace / "tasks").training.epochs == 4
    assert cpfd(workspace, "--output", str(workspace / "another.yaml")).exit_code == 0
    assert load_task(str(workspace / "another.yaml")).training.epochs == 6


def test_another_database_is_opened_before_anything_runs(workspace, ran):
    url = f"sqlite:///{workspace / 'shared.db'}"
    assert cpfd(workspace, "--storage", url).exit_code == 0
    assert ran[0]["storage"] == url
    refused = cpfd(workspace, "--storage", "nonsense")
    assert "the database of trials cannot be opened" in str(refused.exception)
    assert len(ran) == 1
