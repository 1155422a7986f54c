"""Records of small runs, and a tracking database to keep them in."""

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow import MlflowClient

from models.evaluation.judging import Evaluation, ModelMetrics
from promotion.gate.verdict import Verdict
from promotion.ledger.entries import Standing
from promotion.records import RunRecord, record_run
from promotion.registry import keep_archive
from promotion.review import request, standing

TASK = "low_quality"
FACTS = {
    "task": TASK,
    "window_start": "2026-04-01",
    "window_end": "2026-07-01",
    "snapshot": "a1",
    "seed": 7,
    "code_version": "c1",
    "corpus": {"simulated": True},
}


def metrics(f1: float) -> ModelMetrics:
    """Of a model of the classes no and yes."""
    return ModelMetrics(
        metrics={"f1": f1, "roc_auc": 0.8, "pr_auc": 0.7},
        judged=f1,
        interval=(f1 - 0.1, f1 + 0.1),
        threshold=0.5,
        predicted={"no": 0.5, "yes": 0.5},
    )


def evaluation(difference: float = 0.05) -> Evaluation:
    return Evaluation(
        classes=("no", "yes"),
        judge="f1",
        rarer="yes",
        rows={"tuning": 10, "evaluation": 20},
        positives={"no": 10, "yes": 10},
        peers={"TF-IDF": metrics(0.65), "stacked": metrics(0.85)},
        raw_peers=("TF-IDF",),
        models={"baseline": metrics(0.7), "student": metrics(0.7 + difference), "teacher": metrics(0.9)},
        difference=difference,
        difference_interval=(-0.1, 0.1),
        gap_closed={},
    )


def record(folder: Path, name: str, passed: bool = True, student: Path | None = None, **changes) -> RunRecord:
    """A record whose files are below ``folder``; ``changes`` are of its facts, and ``settings``."""
    settings = changes.pop("settings", {"task": TASK, "modalities": ["frames", "title", "overlay_text"]})
    folder.mkdir(parents=True, exist_ok=True)
    networks = {"baseline": folder / "baseline", "student": student or folder / "student"}
    for each in networks.values():
        each.mkdir(exist_ok=True)
        for file, content in {
            "history.json": json.dumps([{"epoch": epoch, "loss": 1 / (epoch + 1)} for epoch in range(3)]),
            "distillation.json": json.dumps({"slope": 2.0}),
            "model.safetensors": "weights",
        }.items():
            if not (each / file).exists():
                (each / file).write_text(content)
    files = {"report.html": folder / "report", "evaluation.json": folder / "evaluation"}
    for file in files.values():
        file.write_text("{}")
    files["scores.parquet"] = folder / "scores"
    rows = {"video_id": ["a", "b", "c"], "label": [0, 1, 0], "split": ["evaluation", "evaluation", "tuning"]}
    pq.write_table(pa.table(rows), files["scores.parquet"])
    verdict = Verdict(outcome="passed" if passed else "failed", reason="the student is better")
    return RunRecord(name, {**FACTS, **changes}, settings, evaluation(), verdict, files, networks)


def archive(folder: Path, content: str) -> tuple[Path, Path]:
    """A packed student as ``package`` leaves it, and a parity file."""
    folder.mkdir(parents=True)
    (folder / f"{TASK}.mar").write_text(content)
    (folder / f"{TASK}.mar.sha256").write_text(digest_of(content) + "\n")
    parity = folder.with_suffix(".json")
    parity.write_text(json.dumps({"videos": 32, "largest_difference": 0.0}))
    return folder, parity


def digest_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def nominated(tracking_uri: str, ledger_uri: str, folder: Path, name: str, content: str, **changes) -> Standing:
    """A run whose student passed, with an archive of that content, has asked to serve."""
    run_id, version = record_run(tracking_uri, record(folder / name, name, **changes))
    packed, parity = archive(folder / f"{name}-archive", content)
    keep_archive(tracking_uri, TASK, run_id, version, packed, parity)
    return request(tracking_uri, ledger_uri, TASK, run_id, version, standing(ledger_uri, TASK).champion)


class Tracked:
    """What a tracking database holds of the task, counted."""

    def __init__(self, uri: str) -> None:
        self.client = MlflowClient(uri)
        self.experiment = self.client.get_experiment_by_name(TASK).experiment_id

    def runs(self, filter_string: str = "") -> list:
        return list(self.client.search_runs([self.experiment], filter_string, max_results=1000))

    def running(self) -> list[str]:
        return [run.info.run_name for run in self.runs("attributes.status = 'RUNNING'")]

    def top(self) -> list:
        return [run for run in self.runs() if "mlflow.parentRunId" not in run.data.tags]

    def versions(self) -> list:
        return sorted(self.client.search_model_versions(f"name = '{TASK}'"), key=lambda each: int(each.version))

    def models(self) -> list:
        return list(self.client.search_logged_models([self.experiment]))


def copy_database(template: Path, folder: Path) -> str:
    """A workspace's database, ready at once. Returns its URI."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(template, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"
