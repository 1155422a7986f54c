"""What a reviewer does: approve, reject, go back. The ledger says what is so, MLflow's aliases follow from it."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.utils.mlflow_tags import MLFLOW_USER
from pydantic import ValidationError

from promotion.errors import RegistryError
from promotion.ledger.checkpoints import Checkpoint, contradiction, sign
from promotion.ledger.entries import LONGEST_REASON, Decision, Entry, Standing, broken_links, request_of, standings
from promotion.ledger.store import append, read_ledger
from promotion.policy import GateSettings
from promotion.registry import (
    ARCHIVE_DIGEST,
    CHALLENGER,
    CHAMPION,
    EVIDENCE_DIGEST,
    ROWS_DIGEST,
    by_alias,
    fetch_archive,
)
from promotion.tracking import connect, in_sentences, nothing_there
from serving.archive import require_digest

CHECKPOINT = "ledger_checkpoint"  # the tag of a version that holds the newest checkpoint of its making


@dataclass(frozen=True)
class Office:
    """Where models are registered, and decisions kept: MLflow's URI, the ledger's, and the key that signs."""

    tracking_uri: str
    ledger_uri: str
    key: Path


def standing(ledger_uri: str, task: str) -> Standing:
    """Which versions of a task's model served, and which asks to."""
    return standings(read_ledger(ledger_uri)).get(task, Standing())


@in_sentences
def request(tracking_uri: str, ledger_uri: str, task: str, run_id: str, version: str) -> Standing:
    """Note that a version, whose archive is proven, asks to serve; it becomes the challenger unless it serves already.

    Twice is the same as once. Who asks is whose run it was, and the reason is its verdict's.
    """
    client = connect(tracking_uri)
    tags, run = client.get_model_version(task, version).tags, client.get_run(run_id).data.tags

    def decide(entries: Sequence[Entry]) -> Decision | None:
        now, asked = standings(entries).get(task, Standing()), request_of(entries, task, version)
        same = asked is not None and asked.archive == tags[ARCHIVE_DIGEST]  # one that was lost is packed again
        if same and version in (now.champion, now.challenger):
            return None
        return Decision(
            task=task,
            action="requested",
            version=version,
            by=run.get(MLFLOW_USER, "unknown"),
            reason=tags.get("verdict", "")[:LONGEST_REASON],
            evidence=tags.get(EVIDENCE_DIGEST, ""),
            archive=tags[ARCHIVE_DIGEST],
            rows=tags.get(ROWS_DIGEST, ""),
        )

    now = standings(append(ledger_uri, decide))[task]
    _project(client, task, now)
    return now


def approve(office: Office, task: str, version: str, by: str, reason: str) -> tuple[str, str]:
    """Make a version that asked to serve the champion. Returns it and the former champion ('' for none).

    Raises:
        RegistryError: it never asked, serves already, or the task's policy wants another person to approve.
        ArchiveError: its archive is not the one that asked.
    """
    client = _client(office, task)
    found = _version(client, task, version)
    with tempfile.TemporaryDirectory() as folder:
        archive, digest = fetch_archive(office.tracking_uri, found, Path(folder))
        require_digest(archive, digest)

    def decide(entries: Sequence[Entry]) -> Decision:
        asked, now = request_of(entries, task, version), standings(entries).get(task, Standing())
        if asked is None:
            raise RegistryError(f"{task} version {version} never asked to serve: only a student that passed does")
        if version == now.champion:
            raise RegistryError(f"{task} version {version} is the champion already")
        if asked.archive != digest:
            raise RegistryError(f"the archive of {task} version {version} is not the one that asked to serve")
        if _wants_another(found) and by == asked.by:
            raise RegistryError(f"{by} asked for {task} version {version}: this task wants another person to approve")
        return _about(asked, action="approved", former=now.champion, by=by, reason=reason)

    now = _decided(office, client, task, append(office.ledger_uri, decide))
    return now.champion, now.champions[-2] if len(now.champions) > 1 else ""


def reject(office: Office, task: str, version: str, by: str, reason: str) -> None:
    """Let the version that asks to serve not serve.

    Raises:
        RegistryError: it does not ask.
    """
    client = _client(office, task)

    def decide(entries: Sequence[Entry]) -> Decision:
        asked, now = request_of(entries, task, version), standings(entries).get(task, Standing())
        if asked is None or version != now.challenger:
            raise RegistryError(f"{task} version {version} does not ask to serve: {_who_asks(now)}")
        return _about(asked, action="rejected", former="", by=by, reason=reason)

    _decided(office, client, task, append(office.ledger_uri, decide))


def rollback(office: Office, task: str, by: str, reason: str) -> tuple[str, str]:
    """Make the version that served before the champion again. Returns it and the one that it replaces.

    Raises:
        RegistryError: none served before.
    """
    client = _client(office, task)

    def decide(entries: Sequence[Entry]) -> Decision:
        champions = standings(entries).get(task, Standing()).champions
        if len(champions) < 2:
            raise RegistryError(f"no version of {task} served before {''.join(champions) or 'any other'}")
        former = request_of(entries, task, champions[-2])
        assert former is not None  # noqa: S101 - who served was approved, and so had asked
        return _about(former, action="rolled back", former=champions[-1], by=by, reason=reason)

    entries = append(office.ledger_uri, decide)
    return _decided(office, client, task, entries).champion, entries[-1].former


@in_sentences
def repair(tracking_uri: str, ledger_uri: str) -> list[str]:
    """Set MLflow's aliases to what the ledger says. Returns a sentence for each that was otherwise."""
    entries = [] if nothing_there(tracking_uri) else read_ledger(ledger_uri)
    if not entries:
        return []
    client = connect(tracking_uri)
    return [sentence for task, now in standings(entries).items() for sentence in _project(client, task, now)]


@in_sentences
def verify(tracking_uri: str, ledger_uri: str, key: Path) -> tuple[int, list[str]]:
    """How many entries there are, and a sentence for everything that shows that the ledger was changed."""
    entries = read_ledger(ledger_uri)
    found = broken_links(entries)
    if nothing_there(tracking_uri):
        return len(entries), found
    client = connect(tracking_uri)
    for version in client.search_model_versions(""):
        if CHECKPOINT in version.tags:
            wrong = _contradiction(version.tags[CHECKPOINT], entries, key)
            found += [f"{wrong} (by the checkpoint on {version.name} version {version.version})"] if wrong else []
    return len(entries), found


def _contradiction(kept: str, entries: Sequence[Entry], key: Path) -> str | None:
    try:
        checkpoint = Checkpoint.model_validate_json(kept)
    except ValidationError:
        return "a checkpoint cannot be read: it was changed"
    return contradiction(checkpoint, entries, key)


def _about(asked: Entry, action: str, former: str, by: str, reason: str) -> Decision:
    """A decision on what ``asked``."""
    kept = asked.model_dump(include={"task", "version", "evidence", "archive", "rows"})
    return Decision.model_validate({**kept, "action": action, "former": former, "by": by, "reason": reason})


@in_sentences
def _registered(tracking_uri: str, task: str) -> MlflowClient | None:
    if nothing_there(tracking_uri):
        return None
    client = connect(tracking_uri)
    return client if client.search_registered_models(f"name = '{task}'") else None


def _client(office: Office, task: str) -> MlflowClient:
    client = _registered(office.tracking_uri, task)
    if client is None:
        raise RegistryError(f"{task} has no version: run 'cpfd run {task}'; a student that passes becomes one")
    return client


def _version(client: MlflowClient, task: str, version: str) -> ModelVersion:
    found = client.search_model_versions(f"name = '{task}'")
    by_number = {str(each.version): each for each in found}
    if version not in by_number:
        there = ", ".join(sorted(by_number, key=int))
        raise RegistryError(f"{task} has no version {version}: there are {there or 'none'}")
    return by_number[version]


def _wants_another(version: ModelVersion) -> bool:
    settings = json.loads(version.tags.get("settings", "{}"))
    return GateSettings.model_validate(settings.get("gate", {})).approver == "another"


def _who_asks(now: Standing) -> str:
    return f"version {now.challenger} does" if now.challenger else "none does"


def _decided(office: Office, client: MlflowClient, task: str, entries: Sequence[Entry]) -> Standing:
    """What is so after the last of ``entries``: in aliases, and signed on the version that it is about."""
    now = standings(entries)[task]
    _project(client, task, now)
    client.set_model_version_tag(task, entries[-1].version, CHECKPOINT, sign(entries, office.key).model_dump_json())
    return now


def _project(client: MlflowClient, task: str, now: Standing) -> list[str]:
    """Set the task's aliases. Returns a sentence for each that was otherwise."""
    found = []
    for alias, version in ((CHAMPION, now.champion), (CHALLENGER, now.challenger)):
        held = by_alias(client, task, alias)
        former = "" if held is None else str(held.version)
        if former == version:
            continue
        found.append(f"the {alias} of {task} was {former or 'none'} and is {version or 'none'}")
        if version:
            client.set_registered_model_alias(task, alias, version)
        else:
            client.delete_registered_model_alias(task, alias)
    return found
