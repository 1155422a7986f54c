"""What the end-to-end tests share: a workspace over the small corpus, and the main job run in it once."""

import subprocess

import pandas as pd
import pyarrow.parquet as pq
import pytest
from processes import CPFD

from pipelines.local.run import Finished, run_task
from pipelines.request import Request
from pipelines.task import Task
from pipelines.workspace import Workspace
from promotion.gate.checks import CHECKS
from promotion.gate.policy import GateSettings

END = pd.Timestamp("2026-07-01", tz="UTC").to_pydatetime()


@pytest.fixture(scope="session")
def workspace(tmp_path_factory, corpus) -> Workspace:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "corpora").mkdir()
    (folder / "corpora" / "simulated").symlink_to(corpus)
    return Workspace.at(folder)


@pytest.fixture(scope="session")
def lenient(task: Task) -> Task:
    """The small task, whose gate lets every student pass: what is tested is the way, not two epochs' F1."""
    return task.model_copy(update={"gate": GateSettings(checks=dict.fromkeys(CHECKS, "off"))})


def run(workspace: Workspace, task: Task) -> Finished:
    return run_task(Request.in_workspace(task, workspace, END), workspace)


@pytest.fixture(scope="session")
def first(workspace, lenient) -> Finished:
    return run(workspace, lenient)


@pytest.fixture
def again(workspace):
    """Run a task in the workspace of the first run."""
    return lambda task: run(workspace, task)


@pytest.fixture(scope="session")
def held_out(first):
    """An evaluation video: its id, catalogue row and evaluated student scores."""
    scores = pq.read_table(first.outcome.report.parent / "scores.parquet").to_pandas()
    judged = scores[scores.split == "evaluation"].iloc[0]
    catalogue = pq.read_table(first.result.outputs["validate-data/sound_catalogue"]).to_pandas().set_index("video_id")
    return judged.video_id, catalogue.loc[judged.video_id], judged.student


@pytest.fixture
def cpfd(workspace):
    """The command line, as a user types it, in the workspace."""

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [CPFD, *arguments, "--workspace", str(workspace.folder)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    return ask
