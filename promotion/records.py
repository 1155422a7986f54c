"""What a pipeline run leaves in MLflow: settings, facts, metrics and evidence, a nested run a network, a version."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.entities.model_registry import ModelVersion

from common.artifacts import CONSTANTS_FILE, EVALUATION, HISTORY_FILE, WEIGHTS
from common.digests import file_digest
from models.evaluation.judging import Evaluation
from models.settings import MODALITIES
from promotion.errors import RegistryError
from promotion.gate.verdict import Verdict
from promotion.registry import EVIDENCE_DIGEST, IDENTITY, ROWS_DIGEST, Candidate, register_student
from promotion.runs import (
    ENDED_BY,
    FAILED,
    FINISHED,
    NOTE,
    PARENT,
    RUNNING,
    VERDICT,
    nested_runs,
    new_run,
    run_named,
    settle,
)
from promotion.tracking import connect, experiment_id, in_sentences

# A run is a function of these and its settings: the same five, the same student.
FUNCTION_OF = ("window_start", "window_end", "snapshot", "seed", "code_version")
LONGEST_PARAM = 500  # characters: what every MLflow server takes; settings.json has the value whole
MOST_PARAMS, MOST_METRICS = 100, 1_000  # what MLflow takes in one request
VERSION = "version"
SETTINGS, PARITY = "settings.json", "parity.json"
EVIDENCE = "evidence"  # the folder of a run's artifacts
SCORES = "scores.parquet"  # among the files of it
NETWORKS = ("baseline", "teacher", "student")  # each has a nested run


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

    @property
    def tags(self) -> dict[str, str]:
        """What is searched for in runs, logged models and versions."""
        function_of = {key: str(self.facts[key]) for key in FUNCTION_OF}
        simulated = str(self.facts["corpus"]["simulated"]).lower()
        return {**function_of, "simulated": simulated, IDENTITY: self.identity}

    @property
    def identity(self) -> str:
        return _digest([self.settings, *(str(self.facts[key]) for key in FUNCTION_OF)])

    @property
    def candidate(self) -> Candidate:
        return Candidate(
            task=self.task,
            identity=self.identity,
            folder=self.networks["student"],
            modalities=self.settings.get("modalities", MODALITIES),
            threshold=self.evaluation.models["student"].threshold,
            tags=self.tags,
            evidence={
                "settings": json.dumps(self.settings, sort_keys=True),
                "verdict": self.verdict.reason,
                EVIDENCE_DIGEST: files_digest(self.files),
                ROWS_DIGEST: rows_digest(pq.read_table(self.files[SCORES])),
            },
        )


def files_digest(files: Mapping[str, Path]) -> str:
    """A digest of files by their names."""
    return _digest({name: file_digest(path) for name, path in files.items()})


def evidence_digest(evidence: Path) -> str:
    """The digest of a run's evidence, downloaded, as its version has it: without what came after the version."""
    return files_digest({path.name: path for path in evidence.iterdir() if path.name != PARITY})


def rows_digest(scores: pa.Table) -> str:
    """A digest of which rows judged: their ids and labels."""
    table = scores.select(["video_id", "label", "split"]).to_pydict()
    rows = zip(table["video_id"], table["label"], table["split"], strict=True)
    return _digest(sorted((video_id, label) for video_id, label, split in rows if split == EVALUATION))


def weights_digest(student: Path) -> str:
    """A digest of which model it is: two runs may train the same."""
    return file_digest(student / WEIGHTS)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@in_sentences
def record_run(tracking_uri: str, record: RunRecord) -> tuple[str, str]:
    """Log the run and its networks; register the student if the verdict passed and its identity has no version yet.

    Goes on with the run of that name if there is one: one that a runner began, which the runner ends, or one that was
    killed here. Whatever a killed call left is used or removed.

    Returns:
        run id, and the version as text ('' if the student did not pass).
    """
    client = connect(tracking_uri)
    run = _open_run(client, experiment_id(client, record.task), record)
    run_id, ended_here = run.info.run_id, ENDED_BY not in run.data.tags
    try:
        _log_run(client, run, record)
        nested = nested_runs(client, run)
        for name in NETWORKS:
            _log_network(client, run, nested.get(name), record, name)
        settle(client, run)
        version = ""
        if record.verdict.passed:
            version = register_student(client, record.candidate, run.info.experiment_id, run_id)
            client.set_tag(run_id, VERSION, version)
    except Exception:
        if ended_here:
            client.set_terminated(run_id, FAILED)
        raise
    if ended_here:
        client.set_terminated(run_id, FINISHED)
    return run_id, version


@in_sentences
def fetch_evidence(tracking_uri: str, task: str, name: str, folder: Path) -> tuple[Run, Path]:
    """The newest run of a name, and its evidence, downloaded to ``folder``.

    Raises:
        RegistryError: there is no such run.
    """
    client = connect(tracking_uri)
    run = run_named(client, experiment_id(client, task), name)
    if run is None:
        raise RegistryError(f"{task} has no run {name}")
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=EVIDENCE, dst_path=str(folder))
    return run, Path(path)


def fetch_settings(run_id: str, folder: Path) -> Path:
    """The resolved settings of a run, downloaded to ``folder``."""
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=SETTINGS, dst_path=str(folder)))


def fetch_evidence_of(version: ModelVersion, folder: Path) -> Path:
    """The evidence of the run that made a version, downloaded to ``folder``."""
    return Path(
        mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path=EVIDENCE, dst_path=str(folder))
    )


def _open_run(client: MlflowClient, experiment: str, record: RunRecord) -> Run:
    run = run_named(client, experiment, record.name)
    if run is None:
        return client.get_run(new_run(client, experiment, record.name, record.tags))
    if run.info.status != RUNNING:
        client.update_run(run.info.run_id, RUNNING)
    return run


def _log_run(client: MlflowClient, run: Run, record: RunRecord) -> None:
    run_id = run.info.run_id
    tags = {**record.tags, VERDICT: record.verdict.outcome, NOTE: record.verdict.reason}
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
    _log_numbers(
        client,
        run_id,
        [Metric(key, value, run.info.start_time, 0) for key, value in _headline(record.evaluation).items()],
        {**record.tags, **_flat(record.settings)},
    )
    client.log_dict(run_id, record.settings, SETTINGS)
    client.log_dict(run_id, record.facts, "facts.json")
    with tempfile.TemporaryDirectory() as scratch:
        for name, file in record.files.items():
            shutil.copyfile(file, Path(scratch) / name)
        client.log_artifacts(run_id, scratch, EVIDENCE)


def _log_network(client: MlflowClient, parent: Run, former: Run | None, record: RunRecord, name: str) -> None:
    tags = {"network": name, "task": record.task, PARENT: parent.info.run_id}
    run_id = former.info.run_id if former else new_run(client, parent.info.experiment_id, name, tags)
    values = record.evaluation.models[name]
    metrics = [Metric(key, value, 0, 0) for key, value in values.metrics.items()]
    if isinstance(values.threshold, float):  # of more than two classes it is a factor a class
        metrics.append(Metric("threshold", values.threshold, 0, 0))
    history = record.networks[name] / HISTORY_FILE if name in record.networks else None
    for row in json.loads(history.read_text()) if history else []:
        metrics += [Metric(key, value, 0, int(row["epoch"])) for key, value in row.items() if key != "epoch"]
    constants = record.networks["student"] / CONSTANTS_FILE
    _log_numbers(client, run_id, metrics, json.loads(constants.read_text()) if name == "student" else {})
    client.set_terminated(run_id, FINISHED)


def _log_numbers(client: MlflowClient, run_id: str, metrics: Sequence[Metric], params: dict[str, Any]) -> None:
    """Twice is the same as once: equal points and parameters are kept once."""
    named = [Param(key, str(value)) for key, value in params.items()]
    for start in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + MOST_METRICS])
    for start in range(0, len(named), MOST_PARAMS):
        client.log_batch(run_id, params=named[start : start + MOST_PARAMS])


def _headline(evaluation: Evaluation) -> dict[str, float]:
    values: dict[str, float | None] = {"f1_difference": evaluation.difference}
    values |= {f"{name}_gap_closed": share for name, share in evaluation.gap_closed.items()}
    for name, metrics in evaluation.models.items():
        values |= {f"{name}_{key}": value for key, value in metrics.metrics.items()}
    return {key: value for key, value in values.items() if value is not None}


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in settings.items():
        nested = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{key}.") if nested else {prefix + key: str(value)[:LONGEST_PARAM]}
    return flat
