"""What runs and models there are. Heavy imports are inside the functions: ``cpfd status`` should answer at once."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from common.files import whole
from pipelines.local.workspace import Workspace
from promotion.errors import RegistryError, database_file
from promotion.summaries import RunSummary, TaskStatus, run_summary, task_summary

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import Run

    from models.evaluation.judging import Evaluation
    from promotion.gate import Verdict


@dataclass(frozen=True)
class Outcome:
    """How one run ended: its figures, verdict and report. ``summary`` is what can be dumped as JSON."""

    run: "Run"
    summary: RunSummary
    evaluation: "Evaluation"
    verdict: "Verdict"
    report: Path


def find_outcome(workspace: Workspace, task: str, run_name: str) -> Outcome:
    """The outcome of a run that came to a verdict; its report is copied beside its log.

    Raises:
        RegistryError: there is no such run, or it ended without a verdict; the message says why.
    """
    from models.evaluation.judging import Evaluation
    from promotion.gate import Verdict
    from promotion.records import fetch_evidence

    summary = run_summary(tracking_database(workspace), task, run_name)
    if summary is None:
        raise RegistryError(f"{task} has no run {run_name}: 'cpfd status {task}' lists them")
    if not summary.verdict:
        reason = f": {summary.reason}" if summary.reason else ""
        raise RegistryError(f"the run {run_name} is {summary.status} and has no verdict{reason}")
    run, evidence = fetch_evidence(workspace.tracking_uri, task, run_name, workspace.runs / run_name)
    return Outcome(
        run,
        summary,
        Evaluation.model_validate_json((evidence / "evaluation.json").read_text()),
        Verdict.model_validate_json((evidence / "decision.json").read_text()),
        evidence / "report.html",
    )


def find_study(folder: Path) -> tuple[Path, "pd.DataFrame"]:
    """The page of a finished study, copied to the top of its run's folder, and its measures."""
    import pyarrow.parquet as pq

    (report,) = folder.glob("**/compare-variants/report")
    (measures,) = folder.glob("**/compare-variants/measures")
    page = folder / "study.html"
    page.write_bytes(report.read_bytes())
    return page, pq.read_table(measures).to_pandas()


def keep_start(folder: Path, target: Path) -> None:
    """Copy the weights that a finished pre-training left to ``target``, whole or not at all."""
    (start,) = folder.glob("**/pretrain/start")
    with whole(target) as partial:
        shutil.copytree(start, partial)


def tracking_database(workspace: Workspace) -> Path:
    """The file of the workspace's tracking database, whether it is there or not."""
    found = database_file(workspace.tracking_uri)
    if found is None:
        raise ValueError(f"a workspace keeps its runs in SQLite, not in {workspace.tracking_uri}")
    return found


def task_status(workspace: Workspace, task: str, newest: int = 5) -> TaskStatus:
    """A task's newest runs, failed ones too, and its aliases, as plain data; without importing mlflow."""
    return task_summary(tracking_database(workspace), task, newest)


def new_run_name(task: str, window_end: datetime) -> str:
    """A name that sorts by start and says what it covers."""
    return f"{task}-to-{window_end:%Y%m%d}-at-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"[:-3]


def held_out_video(outcome: Outcome) -> str:
    """The id of an evaluation video, whose answer shows what serving gives on a video not in training."""
    import pyarrow.parquet as pq

    scores = pq.read_table(outcome.report.parent / "scores.parquet").to_pandas()
    return str(scores[scores.split == "evaluation"].video_id.iloc[-1])
