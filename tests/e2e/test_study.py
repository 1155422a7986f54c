"""A study end to end: every step of its graph, on a small corpus, and the page it leaves."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from models.evaluation.peers import PRIVILEGED, RAW
from models.studies.variants import full_study
from pipelines.local.run import run_study
from pipelines.request import Request
from pipelines.task import Task
from pipelines.workspace import Workspace

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def studied(tmp_path_factory, corpus: Path, task: Task) -> tuple[Task, Path]:
    workspace = Workspace.at(tmp_path_factory.mktemp("study"))
    workspace.corpus(task.corpus).parent.mkdir(parents=True)
    workspace.corpus(task.corpus).symlink_to(corpus)
    training = task.training.model_copy(update={"epochs": 1})
    short = task.model_copy(update={"training": training})
    result, page, _ = run_study(Request.in_workspace(short, workspace, months=1), workspace, seeds=1)
    assert page == result.folder / "study.html"
    return short, result.folder


def test_every_student_of_the_plan_is_measured_at_every_share(studied):
    task, folder = studied
    (path,) = folder.glob("**/compare-variants/measures")
    measures = pd.read_parquet(path)
    planned = {each.name for each in full_study(task.recipe)}
    full = set(measures[measures.share == 1].model)
    others = {"vanilla KD", "self-training, no privilege", "generalised distillation", "CPFD, in-sample soft targets"}
    peers = set(RAW) | set(PRIVILEGED)
    assert planned | others | peers | {"teacher", "CPFD with DF-X-VLM", "baseline, as many steps"} == full
    for share in (0.5, 0.25, 0.125):
        assert {"baseline", "PFD", "CPFD", "teacher"} <= set(measures[measures.share == share].model)
    assert measures[[task.judge, "roc_auc", "pr_auc"]].apply(lambda values: values.between(0, 1)).all().all()


def test_the_page_is_there_and_needs_nothing_from_elsewhere(studied):
    page = (studied[1] / "study.html").read_text()
    assert "Simulated data" in page
    assert page.count("<svg") == 4
    assert not [part for part in ("src=", "<script", "<link", "@import", "url(http") if part in page]


def test_the_command_refuses_an_unknown_task(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main", "ablate", "nothing", "--workspace", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "there is no task nothing" in done.stderr
