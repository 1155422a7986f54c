"""What follows from the ledger in MLflow, the aliases, and what lies there of it, the checkpoints."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mlflow import MlflowClient
from pydantic import ValidationError

from promotion.ledger.checkpoints import Checkpoint, contradiction
from promotion.ledger.entries import Entry, Standing, broken_links, newest, standings
from promotion.ledger.store import read_ledger, standing_still
from promotion.registry import ARCHIVE_DIGEST, CHALLENGER, CHAMPION, by_alias
from promotion.signatures import ARCHIVE_SIGNATURE, broken_seals, seal
from promotion.tracking import connect, in_sentences, nothing_there

CHECKPOINT = "ledger_checkpoint"  # the tag of a version with the checkpoint of the newest decision about it


def approved(entries: Sequence[Entry], task: str, version: str) -> str:
    """The digest of the archive with which a version was approved; '' if it never was."""
    found = newest(entries, task, version, "approved")
    return "" if found is None else found.archive


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
    """Sign what serves and was approved before archives were signed. Returns a sentence for each."""
    if nothing_there(tracking_uri):
        return []
    client, found = connect(tracking_uri), []
    for task, now in standings(read_ledger(ledger_uri)).items():
        version = by_alias(client, task, CHAMPION)
        if now.champion and version is not None and ARCHIVE_SIGNATURE not in version.tags:
            seal(client, tracking_uri, version, key)
            found.append(f"the archive and the evidence of {task} version {version.version} are signed now")
    return found


@in_sentences
def verify(tracking_uri: str, ledger_uri: str, key: Path) -> tuple[list[Entry], int, list[str]]:
    """All entries, how many of them a checkpoint vouches for, and what shows that something was changed.

    That is the ledger itself, and the archives and evidence that were signed.
    """
    kept, seals = {}, []
    if not nothing_there(tracking_uri):  # before the ledger is read: a decision may come in between
        for version in connect(tracking_uri).search_model_versions(""):
            if CHECKPOINT in version.tags:
                kept[f"{version.name} version {version.version}"] = version.tags[CHECKPOINT]
            seals += broken_seals(tracking_uri, version, key)
    entries = read_ledger(ledger_uri)
    found, vouched = [*broken_links(entries), *seals], 0
    for place, text in kept.items():
        try:
            checkpoint = Checkpoint.model_validate_json(text)
        except ValidationError:
            found.append(f"the checkpoint on {place} cannot be read: it was changed")
            continue
        wrong = contradiction(checkpoint, entries, key)
        vouched = max(vouched, checkpoint.entries)
        found += [f"{wrong} (by the checkpoint on {place})"] if wrong else []
    return entries, vouched, found


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
