"""A request: what a run is asked for, and what every graph is given."""

from dataclasses import fields
from datetime import UTC, datetime

import pytest
import yaml

from corpus.contract import CorpusError, snapshot_id
from pipelines.graphs.compile import compile_task
from pipelines.request import Inputs, Request
from pipelines.task import Task, load_task
from pipelines.workspace import Workspace


@pytest.fixture
def workspace(corpus, tmp_path) -> Workspace:
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "simulated").symlink_to(corpus)
    return Workspace.at(tmp_path)


def test_the_window_ends_the_day_after_the_newest_video_unless_it_is_given(workspace, task, corpus):
    request = Request.in_workspace(task, workspace)
    assert request.end == datetime(2026, 7, 1, tzinfo=UTC)
    assert request.start == datetime(2026, 4, 1, tzinfo=UTC)
    assert request.inputs.snapshot == snapshot_id(corpus)
    assert request.inputs.seed == task.seed
    given = Request.in_workspace(task, workspace, datetime(2026, 6, 20), months=1)
    assert (given.start, given.end) == (datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC))
    assert given.inputs.run_name.startswith("low_quality-to-20260620-at-")


def test_all_that_is_kept_is_below_the_workspace(workspace, task):
    inputs = Request.in_workspace(task, workspace).inputs
    for place in (inputs.corpus, inputs.feature_registry, inputs.checkpoints, inputs.clip_store):
        assert place.startswith(str(workspace.folder))
    assert inputs.tracking_uri == f"sqlite:///{workspace.folder}/mlflow.db"


def test_a_corpus_that_is_not_there_is_named(tmp_path, task):
    with pytest.raises(CorpusError, match="there is no corpus at"):
        Request.in_workspace(task, Workspace.at(tmp_path))


def test_a_graph_takes_what_a_request_gives_and_the_tasks_own_seed(workspace, task: Task, tmp_path):
    seeded = load_task("topic").model_copy(update={"seed": 7})
    spec = next(yaml.safe_load_all(compile_task(seeded, tmp_path / "p.yaml").read_text()))
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert set(parameters) == {each.name for each in fields(Inputs)}
    assert set(parameters) == set(Request.in_workspace(task, workspace).arguments)
    assert parameters["seed"]["defaultValue"] == 7
    assert parameters["months"]["defaultValue"] == 3
    assert {name for name, each in parameters.items() if "defaultValue" not in each} == {
        "corpus", "window_end", "tracking_uri", "ledger_uri", "feature_registry", "run_name"
    }  # fmt: skip
