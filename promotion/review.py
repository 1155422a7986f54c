"""What a reviewer does: approve, reject, go back. The ledger says what is so, MLflow's aliases follow from it."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_USER
from pydantic import ValidationError

from promotion.errors import RegistryError
from promotion.ledger.checkpoints import sign
from promotion.ledger.entries import LONGEST_REASON, Action, Decision, Entry, Standing, approved, newest, standings
from promotion.ledger.keys import have_key
from promotion.ledger.projection import CHECKPOINT, set_aliases
from promotion.ledger.store import append, read_ledger
from promotion.records import fetch_evidence_of
from promotion.registry import ARCHIVE_DIGEST, EVIDENCE_DIGEST, ROWS_DIGEST, fetch_archive
from promotion.signatures import sealed
from promotion.tracking import connect, in_sentences, nothing_there

Decide = Callable[[Sequence[Entry], Standing], Decision]


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
def request(tracking_uri: str, ledger_uri: str, task: str, run_id: str, version: str, judged_against: str) -> Standing:
    """Note that a version, whose archive is proven, asks to serve; it becomes the challenger unless it serves already.

    Twice is the same as once. Who asks is whose run it was, and the reason is its verdict's.

    Args:
        judged_against: the champion that the gate compared it with; '' for none.
    """
    client = connect(tracking_uri)
    tags, run = client.get_model_version(task, version).tags, client.get_run(run_id).data.tags

    def decide(entries: Sequence[Entry]) -> Decision | None:
        now, asked = standings(entries).get(task, Standing()), newest(entries, task, version, "requested")
        serves = version == now.champion and approved(entries, task, version) == tags[ARCHIVE_DIGEST]
        # An archive that was lost is packed again: other bytes, which nobody has approved.
        known = None if asked is None else (asked.archive, asked.former)
        asks = version == now.challenger and known == (tags[ARCHIVE_DIGEST], judged_against)
        if serves or asks:
            return None
        return Decision(
            task=task,
            action="requested",
            version=version,
            former=judged_against,
            by=run.get(MLFLOW_USER, "unknown"),
            reason=tags.get("verdict", "")[:LONGEST_REASON],
            evidence=tags.get(EVIDENCE_DIGEST, ""),
            archive=tags[ARCHIVE_DIGEST],
            rows=tags.get(ROWS_DIGEST, ""),
        )

    entries = append(ledger_uri, decide)
    set_aliases(client, ledger_uri, [task])
    return standings(entries)[task]


@in_sentences
def approve(office: Office, task: str, version: str, by: str, reason: str) -> tuple[str, str]:
    """Make a version that asked to serve the champion. Returns it and the former champion ('' for none).

    Raises:
        RegistryError: it never asked, was rejected since, serves already, was judged against another champion than
            serves now, or the policy wants another person.
        ArchiveError: its archive is not the registered one.
    """
    client = _client(office.tracking_uri, task)
    found = _version(client, task, version)
    have_key(office.key, read_ledger(office.ledger_uri))
    seal = sealed(office.tracking_uri, found, office.key)  # no one else can decide anything while ``decide`` runs

    def decide(entries: Sequence[Entry], now: Standing) -> Decision:
        asked = newest(entries, task, version, "requested", "rejected")
        if version == now.champion and approved(entries, task, version) == seal.archive:
            raise RegistryError(f"{task} version {version} is the champion already")
        if asked is None:
            raise RegistryError(f"{task} version {version} never asked to serve: only a student that passed does")
        if asked.action == "rejected":
            raise RegistryError(f"{asked.by} rejected {task} version {version}: run it again to have it ask anew")
        for what, own, known in (("archive", seal.archive, asked.archive), ("evidence", seal.evidence, asked.evidence)):
            if own != known:
                raise RegistryError(f"the {what} of {task} version {version} is not the one that asked to serve")
        if asked.former != now.champion:
            judged, serves = (f"version {each}" if each else "none" for each in (asked.former, now.champion))
            raise RegistryError(
                f"{task} version {version} was judged against {judged} as the champion, which is {serves} now: "
                "run it again to have it judged anew"
            )
        if _wants_another(found) and _same(by, asked.by):
            raise RegistryError(f"{by} asked for {task} version {version}: this task wants another person to approve")
        decision = _about(asked, "approved", now.champion, by, reason)
        seal.put_on(client, found)  # before it may serve: what serves is signed
        return decision

    new = _decided(office, client, task, decide)
    return new.version, new.former


@in_sentences
def reject(office: Office, task: str, version: str, by: str, reason: str) -> None:
    """Let the version that asks to serve not serve.

    Raises:
        RegistryError: it does not ask.
    """

    def decide(entries: Sequence[Entry], now: Standing) -> Decision:
        asked = newest(entries, task, version, "requested")
        if asked is None or version != now.challenger:
            asks = f"version {now.challenger} does" if now.challenger else "none does"
            raise RegistryError(f"{task} version {version} does not ask to serve: {asks}")
        return _about(asked, "rejected", "", by, reason)

    _decided(office, _client(office.tracking_uri, task), task, decide)


@in_sentences
def rollback(office: Office, task: str, by: str, reason: str, to: str | None = None) -> tuple[str, str]:
    """Make the version that served before the champion again. Returns it and the one that it replaces.

    Args:
        to: the version that is expected to be; None for whichever it is.

    Raises:
        RegistryError: none served before, another than expected did, or its archive is not the one that was approved.
    """
    client = _client(office.tracking_uri, task)

    def decide(entries: Sequence[Entry], now: Standing) -> Decision:
        if len(now.champions) < 2:
            raise RegistryError(f"no version of {task} served before {now.champion or 'any other'}")
        if to not in (None, now.champions[-2]):
            raise RegistryError(f"the way back leads to version {now.champions[-2]} of {task} now, not to {to}")
        former = newest(entries, task, now.champions[-2], "approved")
        assert former is not None  # noqa: S101 - who served was approved
        if _archive_digest(office, _version(client, task, former.version)) != former.archive:
            raise RegistryError(f"the archive of {task} version {former.version} is not the one that was approved")
        return _about(former, "rolled back", now.champion, by, reason)

    new = _decided(office, client, task, decide)
    return new.version, new.former


@in_sentences
def fetch_page_of(tracking_uri: str, task: str, version: str, folder: Path) -> Path:
    """The evidence of the run that made a version, downloaded to a folder of its own below ``folder``."""
    found = find_version(tracking_uri, task, version)
    target = folder / f"{task}-{found.version}"
    target.mkdir(parents=True, exist_ok=True)
    return fetch_evidence_of(found, target)


@in_sentences
def find_version(tracking_uri: str, task: str, version: str) -> ModelVersion:
    """A version of a task's model. Raises RegistryError if it is not there."""
    return _version(_client(tracking_uri, task), task, version)


def _decided(office: Office, client: MlflowClient, task: str, decide: Decide) -> Entry:
    """Write a decision down, sign it on the version that it is about, and set the aliases."""

    def checked(entries: Sequence[Entry]) -> Decision:
        have_key(office.key, entries)
        return decide(entries, standings(entries).get(task, Standing()))

    entries = append(office.ledger_uri, checked)
    new = entries[-1]
    client.set_model_version_tag(task, new.version, CHECKPOINT, sign(entries, office.key).model_dump_json())
    set_aliases(client, office.ledger_uri, [task])
    return new


def _about(asked: Entry, action: Action, former: str, by: str, reason: str) -> Decision:
    """A decision on what ``asked``."""
    kept = asked.model_dump(include={"task", "version", "evidence", "archive", "rows"})
    try:
        return Decision.model_validate({**kept, "action": action, "former": former, "by": by.strip(), "reason": reason})
    except ValidationError as error:
        wrong = error.errors()[0]
        raise RegistryError(f"'{wrong['loc'][0]}' cannot be kept: {wrong['msg']}") from error


def _client(tracking_uri: str, task: str) -> MlflowClient:
    """Raises RegistryError if the task has no registered model."""
    client = None if nothing_there(tracking_uri) else connect(tracking_uri)
    try:
        if client is not None and client.get_registered_model(task):
            return client
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    raise RegistryError(f"{task} has no version: run 'cpfd run {task}'; a student that passes becomes one")


def _version(client: MlflowClient, task: str, version: str) -> ModelVersion:
    by_number = {str(each.version): each for each in client.search_model_versions(f"name = '{task}'")}
    if version not in by_number:
        there = ", ".join(sorted(by_number, key=int))
        raise RegistryError(f"{task} has no version {version}: there are {there or 'none'}")
    return by_number[version]


def _archive_digest(office: Office, version: ModelVersion) -> str:
    """The digest of a version's archive, which was read again. Raises ArchiveError if it is not the registered one."""
    with tempfile.TemporaryDirectory() as folder:
        return fetch_archive(office.tracking_uri, version, Path(folder))[1]


def _wants_another(version: ModelVersion) -> bool:
    """Read as it is: settings of an older version may have others beside it."""
    settings = json.loads(version.tags.get("settings", "{}"))
    return bool(settings.get("gate", {}).get("approver") == "another")


def _same(name: str, other: str) -> bool:
    return name.strip().casefold() == other.strip().casefold()
