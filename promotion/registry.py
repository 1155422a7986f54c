"""MLflow: one run a pipeline run, nested runs a network, model versions with the aliases challenger and champion."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Before mlflow is imported: otherwise it writes a telemetry file into the user's home.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from common.artifacts import CONSTANTS_FILE, HISTORY_FILE
from common.errors import UserError
from models.evaluation.judging import Evaluation
from promotion.gate import Verdict

SERVED_WITH = ("av", "numpy", "pydantic", "scikit-learn", "torch", "transformers")
CHALLENGER, CHAMPION = "challenger", "champion"
SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(DataType.binary, "video"),
            ColSpec(DataType.string, "title"),
            ColSpec(DataType.string, "overlay_text"),
        ]
    ),
    outputs=Schema([ColSpec(DataType.string, "label"), ColSpec(DataType.string, "scores")]),
)


class RegistryError(UserError):
    """What is asked of the registry is not there. The message names the task and the way out."""


@dataclass(frozen=True)
class RunRecord:
    """What one pipeline run leaves in MLflow."""

    name: str
    facts: dict[str, Any]
    settings: dict[str, Any]
    evaluation: Evaluation
    verdict: Verdict
    files: dict[str, Path]
    networks: dict[str, Path]

    @property
    def task(self) -> str:
        return str(self.facts["task"])


def prepare(tracking_uri: str, artifacts: str, task: str) -> None:
    """Create the database and the task's experiment from one process: concurrent first uses crash."""
    client = MlflowClient(tracking_uri)
    if client.get_experiment_by_name(task) is None:
        client.create_experiment(
            task, artifact_location=f"{artifacts}/{task}", tags={"mlflow.experimentKind": "custom_model_development"}
        )


def record_run(tracking_uri: str, record: RunRecord) -> tuple[str, str]:
    """Log the run and its networks; create a model version if the verdict passed.

    Returns:
        run id, and the version as text ('' if none).
    """
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment(record.task)
    identity = {
        "window_start": record.facts["window_start"],
        "window_end": record.facts["window_end"],
        "snapshot": record.facts["snapshot"],
        "seed": str(record.facts["seed"]),
        "code_version": record.facts["code_version"],
        "simulated": str(record.facts["corpus"]["simulated"]).lower(),
    }
    with mlflow.start_run(run_name=record.name, tags={**identity, "verdict": _word(record.verdict)}) as run:
        mlflow.set_tag("mlflow.note.content", record.verdict.reason)
        mlflow.log_params({**identity, **_flat(record.settings)})
        mlflow.log_dict(record.settings, "settings.json")
        mlflow.log_dict(record.facts, "facts.json")
        with tempfile.TemporaryDirectory() as scratch:
            for name, file in record.files.items():
                shutil.copyfile(file, Path(scratch) / name)
            mlflow.log_artifacts(scratch, "evidence")
        mlflow.log_metrics(_headline(record.evaluation))
        for name in ("baseline", "teacher", "student"):
            _record_network(record, name)
        registered = _register(record, identity) if record.verdict.passed else ""
    return run.info.run_id, registered


def _record_network(record: RunRecord, name: str) -> None:
    values = record.evaluation.models[name]
    with mlflow.start_run(run_name=name, nested=True, tags={"network": name}) as run:
        metrics = [Metric(key, value, 0, 0) for key, value in values.metrics.items()]
        if isinstance(values.threshold, float):  # of more than two classes it is a factor a class
            metrics.append(Metric("threshold", values.threshold, 0, 0))
        history = record.networks[name] / HISTORY_FILE if name in record.networks else None
        for row in json.loads(history.read_text()) if history else []:
            metrics += [Metric(key, value, 0, int(row["epoch"])) for key, value in row.items() if key != "epoch"]
        constants = record.networks["student"] / CONSTANTS_FILE
        params = json.loads(constants.read_text()) if name == "student" else {}
        MlflowClient().log_batch(
            run.info.run_id,
            metrics=metrics,
            params=[Param(key, str(value)) for key, value in params.items()],
            tags=[RunTag("task", record.task)],
        )


def _register(record: RunRecord, identity: dict[str, str]) -> str:
    """Log the student as a model that loads from code and safetensors, without pickle."""
    info = mlflow.pyfunc.log_model(
        name="student",
        python_model=str(Path(__file__).parent / "student_model.py"),
        artifacts={"student": str(record.networks["student"])},
        signature=SIGNATURE,
        registered_model_name=record.task,
        # This project is not among them: it is installed from its own source, not from an index.
        pip_requirements=[f"{name}=={version(name)}" for name in SERVED_WITH],
        model_config={"threshold": record.evaluation.models["student"].threshold},
        tags={**identity},
    )
    registered = str(info.registered_model_version)
    client = MlflowClient()
    settings = json.dumps(record.settings, sort_keys=True)
    for key, value in {**identity, "settings": settings, "verdict": record.verdict.reason}.items():
        client.set_model_version_tag(record.task, registered, key, value)
    return registered


def nominate(tracking_uri: str, task: str, run_id: str, version: str, archive: Path, parity: Path) -> None:
    """Keep the proven archive with the run, note its digest on the version, and set the alias challenger."""
    client = MlflowClient(tracking_uri)
    digest = (archive / f"{task}.mar.sha256").read_text().strip()
    client.log_artifacts(run_id, str(archive), "archive")
    client.log_dict(run_id, json.loads(parity.read_text()), "evidence/parity.json")
    client.set_model_version_tag(task, version, "archive_sha256", digest)
    client.set_model_version_tag(task, version, "archive_run", run_id)
    client.set_registered_model_alias(task, CHALLENGER, version)


def promote(tracking_uri: str, task: str) -> tuple[str, str | None]:
    """Make the challenger the champion. Returns the new and the former champion's version."""
    client = MlflowClient(tracking_uri)
    challenger, champion = by_alias(client, task, CHALLENGER), by_alias(client, task, CHAMPION)
    if challenger is None:
        raise RegistryError(f"{task} has no challenger: run 'cpfd run {task}'; a student that passes becomes one")
    client.set_registered_model_alias(task, CHAMPION, challenger.version)
    client.delete_registered_model_alias(task, CHALLENGER)
    return str(challenger.version), None if champion is None else str(champion.version)


def by_alias(client: MlflowClient, task: str, alias: str) -> ModelVersion | None:
    """The version that an alias names, None if there is none."""
    try:
        return client.get_model_version_by_alias(task, alias)
    except MlflowException:
        return None


def champions(tracking_uri: str) -> dict[str, ModelVersion]:
    """The champion of every task that has one."""
    client = MlflowClient(tracking_uri)
    found = {model.name: by_alias(client, model.name, CHAMPION) for model in client.search_registered_models()}
    return {task: version for task, version in found.items() if version is not None}


def fetch_archive(tracking_uri: str, version: ModelVersion, folder: Path) -> tuple[Path, str]:
    """Download a version's archive into ``folder``. Returns its path and the digest that the registry holds."""
    mlflow.set_tracking_uri(tracking_uri)
    run, digest = version.tags.get("archive_run"), version.tags.get("archive_sha256")
    if not run or not digest:
        raise RegistryError(
            f"{version.name} version {version.version} has no archive: it never passed its parity check"
        )
    path = mlflow.artifacts.download_artifacts(
        run_id=run, artifact_path=f"archive/{version.name}.mar", dst_path=str(folder)
    )
    return Path(path), digest


def _word(verdict: Verdict) -> str:
    return "passed" if verdict.passed else "not passed"


def _headline(evaluation: Evaluation) -> dict[str, float]:
    values: dict[str, float | None] = {"f1_difference": evaluation.difference}
    values |= {f"{name}_gap_closed": share for name, share in evaluation.gap_closed.items()}
    for name, metrics in evaluation.models.items():
        values |= {f"{name}_{key}": value for key, value in metrics.metrics.items()}
    return _numbers(values)


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {key: value for key, value in values.items() if value is not None}


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: str(value)[:500]}
    return flat
