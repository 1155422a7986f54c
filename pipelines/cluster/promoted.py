"""What the ledger says should serve, as a rollout: approved versions, proven once more before they are named."""

import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.entities.model_registry import ModelVersion

from pipelines.cluster.manifests import Rollout, Version
from pipelines.cluster.settings import FILE, Cluster, ClusterError
from pipelines.workspace import Workspace
from promotion.ledger.projection import repair
from promotion.registry import archive_location, fetch_archive
from promotion.review import find_version, standing
from promotion.signatures import fetch_signed_archive


def rollout(workspace: Workspace, cluster: Cluster, task: str, percent: int, mirrored: int) -> Rollout:
    """A task's champion with ``percent`` of the requests; the champion before it has the rest.

    ``mirrored`` percent of the requests are copied to the challenger, which need not be approved: nobody gets its
    answers.

    Raises:
        ClusterError: there is no champion, none before it, or no challenger.
        RegistryError, ArchiveError, SignatureError: an archive is not what was approved or registered.
    """
    repair(workspace.tracking_uri, workspace.ledger_uri)  # what serves is what was approved
    now = standing(workspace.ledger_uri, task)
    if not now.champion:
        raise ClusterError(f"no version of {task} was approved: 'cpfd approve {task} VERSION' makes one the champion")
    if percent < 100 and len(now.champions) < 2:
        raise ClusterError(f"no version of {task} served before {now.champion}: there is nothing to keep the rest on")
    if mirrored and not now.challenger:
        raise ClusterError(f"no version of {task} asks to serve, so that none can listen")

    def named(version: str, signed: bool = True) -> Version:
        return _version(workspace, cluster, find_version(workspace.tracking_uri, task, version), signed)

    return Rollout(
        champion=named(now.champion),
        former=named(now.champions[-2]) if percent < 100 else None,
        percent=percent,
        shadow=named(now.challenger, signed=False) if mirrored else None,
        mirrored=mirrored,
    )


def _version(workspace: Workspace, cluster: Cluster, found: ModelVersion, signed: bool) -> Version:
    with tempfile.TemporaryDirectory() as scratch:
        if signed:
            _, digest = fetch_signed_archive(workspace.tracking_uri, found, Path(scratch), workspace.signing_key)
        else:
            _, digest = fetch_archive(workspace.tracking_uri, found, Path(scratch))
    place = storage_uri(archive_location(workspace.tracking_uri, found), cluster)
    return Version(found.name, str(found.version), place, digest)


def storage_uri(artifacts: str, cluster: Cluster) -> str:
    """Where KServe's storage finds what MLflow names ``artifacts``.

    Raises:
        ClusterError: it lies on this machine alone.
    """
    parts = urlsplit(artifacts)
    path = unquote(parts.path)
    if parts.scheme == "mlflow-artifacts":  # handed out by MLflow's server, which keeps them there
        return f"{cluster.serving.artifacts.rstrip('/')}{path}"
    if parts.scheme not in ("", "file"):
        return artifacts
    for mounted, claim in cluster.volumes.items():
        if Path(path).is_relative_to(mounted):
            return f"pvc://{claim}/{Path(path).relative_to(mounted)}"
    raise ClusterError(
        f"MLflow keeps the archive at {path}, which no pod can read: track in a server (CPFD_TRACKING_URI), or name "
        f"the volume that it lies on under 'volumes' in {FILE}"
    )
