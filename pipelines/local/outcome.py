"""What finished runs left: the main job's in MLflow, a study's, a tuning's and a pre-training's in their folders."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from common.artifacts import EVALUATION
from common.files import whole
from models.evaluation.judging import Evaluation
from models.studies.search_space import Tuned
from pipelines.workspace import Workspace
from promotion.gate.verdict import Verdict
from promotion.records import VERSION, fetch_evidence


@dataclass(frozen=True)
class Outcome:
    """How one run of the main job ended: its figures, verdict and report. ``version`` is None if none is registered."""

    evaluation: Evaluation
    verdict: Verdict
    report: Path
    version: str | None


def find_outcome(workspace: Workspace, task: str, run_name: str) -> Outcome:
    """The outcome of a run that went through; its evidence is copied beside its log.

    Raises:
        RegistryError: it is not recorded.
    """
    run, evidence = fetch_evidence(workspace.tracking_uri, task, run_name, workspace.runs / run_name)
    return Outcome(
        Evaluation.model_validate_json((evidence / "evaluation.json").read_text()),
        Verdict.model_validate_json((evidence / "decision.json").read_text()),
        evidence / "report.html",
        run.data.tags.get(VERSION),
    )


def find_study(folder: Path) -> tuple[Path, pd.DataFrame]:
    """The page of a finished study, copied to the top of its run's folder, and its measures."""
    (report,) = folder.glob("**/compare-variants/report")
    (measures,) = folder.glob("**/compare-variants/measures")
    page = folder / "study.html"
    page.write_bytes(report.read_bytes())
    return page, pq.read_table(measures).to_pandas()


def find_tuned(folder: Path) -> Tuned:
    """What a finished tuning came to."""
    (best,) = folder.glob("**/tune/best")
    return Tuned.model_validate_json(best.read_text())


def keep_start(folder: Path, target: Path) -> None:
    """Copy the weights that a finished pre-training left to ``target``, whole or not at all."""
    (start,) = folder.glob("**/pretrain/start")
    with whole(target) as partial:
        shutil.copytree(start, partial)


def held_out_video(outcome: Outcome) -> str:
    """The id of an evaluation video, whose answer shows what serving gives on a video not in training."""
    scores = pq.read_table(outcome.report.parent / "scores.parquet").to_pandas()
    return str(scores[scores.split == EVALUATION].video_id.iloc[-1])
