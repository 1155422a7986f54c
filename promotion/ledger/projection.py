"""What follows from the ledger in MLflow, the aliases, and what lies there of it, the checkpoints."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from pydantic import ValidationError

from promotion.ledger.checkpoints import Checkpoint, contradiction
from promotion.ledger.entries import Entry, Standing, approved, broken_links, newest, standings
from promotion.ledger.store import read_ledger, standing_still
from promotion.registry import ARCHIVE_DIGEST, CHALLENGER, CHAMPION, by_alias
from promotion.signatures import ARCHIVE_SIGNATURE, broken_seals, sealed
from promotion.tracking import connect, in_sentences, nothing_there

CHECKPOINT = "ledger_checkpoint"  # the tag of a version with the checkpoint of the newest decision about it


@in_sentences
def repair(tracking_uri: str, ledger_uri: str) -> list[str]:
    """Set MLflow's aliases to what the ledger says. Returns a sentence for each that was otherwise.

    A task of which the ledger knows nothing has none: nobody approved what serves there.
    """
    if nothing_there(tracking_uri):
        return []
    client = connect(tracking_uri)
    return set_aliases(client, ledger_uri, [model.name for model in client.search_registered_models()])


@in_sentences
def seal_champions(tracking_uri: str, ledger_uri: str, key: Path) -> list[str]:
    """Sign what serves, or served and may again, and was approved before archives were signed: a sentence for each.

    Only as it was approved, and where a checkpoint vouches for that: whoever can write to the ledger and to MLflow
    alone gets nothing signed.
    """
    if nothing_there(tracking_uri):
        return []
    client, found = connect(tracking_uri), []
    entries = read_ledger(ledger_uri)
    vouched, wrong = _vouched(_checkpoints(client), entries, key)
    wrong += broken_links(entries)
    for approval, version in _champions(client, entries):
        if ARCHIVE_SIGNATURE in version.tags:
            continue
        name = f"{version.name} version {version.version}"
        if wrong or approval.number > vouched:
            found.append(f"no signature vouches for the approval of {name}: it is not signed")
            continue
        seal = sealed(tracking_uri, version, key)
        if (seal.archive, seal.evidence) != (approval.archive, approval.evidence):
            found.append(f"{name} is not as it was approved: it is not signed")
            continue
        seal.put_on(client, version)
        found.append(f"the archive and the evidence of {name} are signed now")
    return found


def _champions(client: MlflowClient, entries: Sequence[Entry]) -> list[tuple[Entry, ModelVersion]]:
    """The approvals of all that serves, or served and may again, with the versions that MLflow has of them."""
    found = []
    for task, now in standings(entries).items():
        versions = {str(each.version): each for each in client.search_model_versions(f"name = '{task}'")}
        for number in dict.fromkeys(now.champions):
            approval = newest(entries, task, number, "approved")
            if approval is not None and number in versions:
                found.append((approval, versions[number]))
    return found


@in_sentences
def verify(tracking_uri: str, ledger_uri: str, key: Path) -> tuple[list[Entry], int, list[str]]:
    """All entries, how many of them a checkpoint vouches for, and what shows that something was changed.

    That is the ledger itself, and the archives and evidence of all that serves, or served and may again.
    """
    if nothing_there(tracking_uri):
        entries = read_ledger(ledger_uri)
        return entries, 0, broken_links(entries)
    client = connect(tracking_uri)
    kept = _checkpoints(client)  # before the ledger is read: a decision may come in between
    entries = read_ledger(ledger_uri)
    vouched, wrong = _vouched(kept, entries, key)
    for _, version in _champions(client, entries):
        wrong += broken_seals(tracking_uri, version, key)
    return entries, vouched, [*broken_links(entries), *wrong]


def _checkpoints(client: MlflowClient) -> dict[str, str]:
    """The checkpoints that lie on versions, by version."""
    versions = client.search_model_versions("")
    return {f"{v.name} version {v.version}": v.tags[CHECKPOINT] for v in versions if CHECKPOINT in v.tags}


def _vouched(kept: Mapping[str, str], entries: Sequence[Entry], key: Path) -> tuple[int, list[str]]:
    """How many entries checkpoints vouch for, and a sentence for each that contradicts them."""
    vouched, found = 0, []
    for place, text in kept.items():
        try:
            checkpoint = Checkpoint.model_validate_json(text)
        except ValidationError:
            found.append(f"the checkpoint on {place} cannot be read: it was changed")
            continue
        wrong = contradiction(checkpoint, entries, key)
        vouched = max(vouched, checkpoint.entries)
        found += [f"{wrong} (by the checkpoint on {place})"] if wrong else []
    return vouched, found


def set_aliases(client: MlflowClient, ledger_uri: str, tasks: Iterable[str]) -> list[str]:
    """Set the aliases of ``tasks``. Returns a sentence for each that was otherwise.

    One process at a time, by the ledger as it is then: a slower one does not set back what another decided since.
    """
    with standing_still(ledger_uri) as entries:
        now = standings(entries)
        return [said for task in tasks for said in _set(client, entries, task, now.get(task, Standing()))]


def _set(client: MlflowClient, entries: Sequence[Entry], task: str, now: Standing) -> list[str]:
    archives = {
        str(each.version): each.tags.get(ARCHIVE_DIGEST) for each in client.search_model_versions(f"name = '{task}'")
    }
    asked = newest(entries, task, now.challenger, "requested")
    wanted = {
        CHAMPION: (now.champion, approved(entries, task, now.champion)),
        CHALLENGER: (now.challenger, "" if asked is None else asked.archive),
    }
    found = []
    for alias, (version, digest) in wanted.items():
        held = by_alias(client, task, alias)
        former = "" if held is None else str(held.version)
        # MLflow counts versions anew in a new database: the number alone does not say which model it is.
        known = version if version and archives.get(version) == digest else ""
        if version and not known:
            found.append(f"version {version}, the {alias} of {task}, is not in MLflow as the ledger knows it")
        if former == known:
            continue
        found.append(f"the {alias} of {task} was {former or 'none'} and is {known or 'none'}")
        if known:
            client.set_registered_model_alias(task, alias, known)
        else:
            client.delete_registered_model_alias(task, alias)
    return found
