"""What runs and models there are, read from MLflow."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow.parquet as pq
from mlflow import MlflowClient
from mlflow.entities import Run

from common.files import whole
from models.evaluation.judging import Evaluation
from pipelines.local.workspace import Workspace
from promotion.gate import Verdict
from promotion.registry import CHALLENGER, CHAMPION, by_alias


@dataclass(frozen=True)
class Outcome:
    """How one run ended: its figures, verdict and report."""

    run: Run
    evaluation: Evaluation
    verdict: Verdict
    report: Path


def find_outcome(workspace: Workspace, task: str, run_name: str) -> Outcome:
    """The outcome of a finished run; its report is copied beside its log."""
    client = MlflowClient(workspace.tracking_uri)
    experiment = client.get_experiment_by_name(task)
    (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{run_name}'")
    mlflow.set_tracking_uri(workspace.tracking_uri)
    evidence = Path(
        mlflow.artifacts.download_artifacts(
            run_id=run.info.run_id, artifact_path="evidence", dst_path=str(workspace.runs / run_name)
        )
    )
    return Outcome(
        run,
        Evaluation.model_validate_json((evidence / "evaluation.json").read_text()),
        Verdict.model_validate_json((evidence / "decision.json").read_text()),
        evidence / "report.html",
    )


def find_study(folder: Path) -> tuple[Path, pd.DataFrame]:
    """The page of a finished study, copied to the top of its run's folder, and its measures."""
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


@dataclass(frozen=True)
class TaskStatus:
    """A task's newest runs, newest first, and which versions serve and ask to."""

    task: str
    runs: list[Run]
    champion: str | None
    challenger: str | None


def task_status(workspace: Workspace, task: str, newest: int = 5) -> TaskStatus:
    client = MlflowClient(workspace.tracking_uri)
    experiment = client.get_experiment_by_name(task)
    runs = (
        client.search_runs([experiment.experiment_id], "tags.verdict != ''", max_results=newest) if experiment else []
    )
    versions = {alias: by_alias(client, task, alias) for alias in (CHAMPION, CHALLENGER)}
    named = {alias: None if version is None else str(version.version) for alias, version in versions.items()}
    return TaskStatus(task, list(runs), named[CHAMPION], named[CHALLENGER])


def new_run_name(task: str, window_end: datetime) -> str:
    """A name that sorts by start and says what it covers."""
    return f"{task}-to-{window_end:%Y%m%d}-at-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"[:-3]


def held_out_video(outcome: Outcome) -> str:
    """The id of an evaluation video, whose answer shows what serving gives on a video not in training."""
    scores = pq.read_table(outcome.report.parent / "scores.parquet").to_pandas()
    return str(scores[scores.split == "evaluation"].video_id.iloc[-1])
