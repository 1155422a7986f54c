"""Model versions: one an identity, its proven archive, and the aliases challenger and champion."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from promotion.errors import RegistryError
from promotion.student_package import save_student
from promotion.tracking import connect, in_sentences, nothing_there
from serving.archive import require_digest

if TYPE_CHECKING:
    from models.evaluation.metrics import Threshold

CHALLENGER, CHAMPION = "challenger", "champion"
IDENTITY = "identity"  # the tag that makes registering idempotent
# Tags of a version. The digest is the seal: written last, taken off first, so that it is never of another archive.
ARCHIVE_RUN, ARCHIVE_DIGEST = "archive_run", "archive_sha256"
LONGEST_DESCRIPTION = 4_999  # characters: PostgreSQL takes no more; the model card says the rest
EVIDENCE_DIGEST, ROWS_DIGEST = "evidence_sha256", "evaluation_rows_sha256"


@dataclass(frozen=True)
class Candidate:
    """A student that may become a version: where it is, how it decides, and what it is a function of.

    ``tags`` are short and go to its logged model too; the version alone has the ``evidence``.
    """

    task: str
    identity: str
    folder: Path
    modalities: Sequence[str]
    threshold: "Threshold"
    tags: Mapping[str, str]
    evidence: Mapping[str, str]


def register_student(client: MlflowClient, candidate: Candidate, experiment_id: str, run_id: str) -> str:
    """The version of the candidate's identity: the one that is there, or a new one from ``run_id``."""
    versions = _versions(client, candidate.task, candidate.identity)
    if versions:
        return str(versions[0].version)
    tags = dict(candidate.tags)
    model = client.create_logged_model(experiment_id, "student", source_run_id=run_id, tags=tags)
    save_student(model.model_id, run_id, candidate.folder, candidate.modalities, candidate.threshold)
    _have_registered_model(client, candidate.task)
    source = f"models:/{model.model_id}"
    made = client.create_model_version(
        candidate.task,
        source,
        run_id,
        {**tags, **candidate.evidence},
        description=candidate.evidence.get("verdict", "")[:LONGEST_DESCRIPTION],
        model_id=model.model_id,
    )
    first, *others = _versions(client, candidate.task, candidate.identity)
    if others and first.version != made.version:  # another process registered the same at the same time
        client.delete_model_version(candidate.task, made.version)
        _discard(client, model.model_id)
    return str(first.version)


def discard_unregistered(client: MlflowClient, task: str, experiment_id: str, run_id: str) -> None:
    """Delete the logged models of a run that no version was made from: what a killed process left."""
    models = client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'")
    if not models:
        return
    registered = {version.source for version in client.search_model_versions(f"name = '{task}'")}
    for model in models:
        if f"models:/{model.model_id}" not in registered:
            _discard(client, model.model_id)


def _discard(client: MlflowClient, model_id: str) -> None:
    location = client.get_logged_model(model_id).artifact_location
    with contextlib.suppress(Exception):  # some stores let nobody delete: files that nothing names only take room
        get_artifact_repository(location).delete_artifacts()
    client.delete_logged_model(model_id)


def _versions(client: MlflowClient, task: str, identity: str) -> list[ModelVersion]:
    """The versions of an identity, oldest first."""
    found = client.search_model_versions(f"name = '{task}' and tags.{IDENTITY} = '{identity}'")
    return sorted(found, key=lambda version: int(version.version))


def _have_registered_model(client: MlflowClient, task: str) -> None:
    try:
        client.create_registered_model(task)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@in_sentences
def keep_archive(tracking_uri: str, task: str, run_id: str, version: str, archive: Path, parity: Path) -> None:
    """Keep the proven archive, and note its digest on the version.

    An archive that the version has stays: a version means the same bytes for ever, and archives of the same student
    differ by the times in them. One that is gone from its place is replaced.
    """
    client = connect(tracking_uri)
    client.log_dict(run_id, json.loads(parity.read_text()), "evidence/parity.json")
    if not _has_archive(client, client.get_model_version(task, version)):
        digest = (archive / f"{task}.mar.sha256").read_text().strip()
        client.delete_model_version_tag(task, version, ARCHIVE_DIGEST)
        client.log_artifacts(run_id, str(archive), "archive")
        client.set_model_version_tag(task, version, ARCHIVE_RUN, run_id)
        client.set_model_version_tag(task, version, ARCHIVE_DIGEST, digest)


def _has_archive(client: MlflowClient, version: ModelVersion) -> bool:
    run = version.tags.get(ARCHIVE_RUN)
    if not run or ARCHIVE_DIGEST not in version.tags:
        return False
    return any(Path(file.path).name == f"{version.name}.mar" for file in client.list_artifacts(run, "archive"))


def by_alias(client: MlflowClient, task: str, alias: str) -> ModelVersion | None:
    """The version that an alias names, None if there is none."""
    try:
        return client.get_model_version_by_alias(task, alias)
    except MlflowException as error:
        # The second is MLflow's code for an alias that a registered model does not have.
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


@in_sentences
def champions(tracking_uri: str) -> dict[str, ModelVersion]:
    """The champion of every task that has one."""
    if nothing_there(tracking_uri):
        return {}
    client = connect(tracking_uri)
    found = {model.name: by_alias(client, model.name, CHAMPION) for model in client.search_registered_models()}
    return {task: version for task, version in found.items() if version is not None}


@in_sentences
def archive_location(tracking_uri: str, version: ModelVersion) -> str:
    """The URI of the folder that a version's archive lies in, as MLflow's artifact store names it.

    Raises:
        RegistryError: the version has none.
    """
    run = connect(tracking_uri).get_run(_archived(version)[0])
    return f"{run.info.artifact_uri}/archive"


@in_sentences
def fetch_archive(tracking_uri: str, version: ModelVersion, folder: Path) -> tuple[Path, str]:
    """Download a version's archive into ``folder``. Returns its path and its digest, which the registry holds.

    Raises:
        RegistryError: the version has none.
        ArchiveError: it is not the one that was registered.
    """
    connect(tracking_uri)
    run, digest = _archived(version)
    path = mlflow.artifacts.download_artifacts(
        run_id=run, artifact_path=f"archive/{version.name}.mar", dst_path=str(folder)
    )
    require_digest(Path(path), digest)
    return Path(path), digest


def _archived(version: ModelVersion) -> tuple[str, str]:
    """The run that keeps a version's archive, and the archive's digest. Raises RegistryError if it has none."""
    run, digest = version.tags.get(ARCHIVE_RUN), version.tags.get(ARCHIVE_DIGEST)
    if not run or not digest:
        raise RegistryError(
            f"{version.name} version {version.version} has no archive: it never passed its parity check"
        )
    return run, digest
