"""What old runs left behind: which folders nobody needs any more, and removing them."""

import contextlib
import json
import stat
from collections import Counter
from pathlib import Path
from typing import Any

from common.files import remove
from models.data.clip_cache import unused
from pipelines.local.run_state import FINISHED, run_states
from pipelines.workspace import Workspace


def clean(workspace: Workspace, keep: int) -> tuple[list[str], int]:
    """Remove runs but the newest ``keep`` of each sort, and what only they used. Returns their names and bytes freed.

    A sort is a task's main job, studies or pre-trainings, those that finished and those that did not: a failed run does
    not push out the last good one. A run that took steps from the cache needs the folder of the run that made them:
    such folders stay, too. What MLflow holds (evidence, models, archives) is not touched.

    Raises:
        BusyError: a run goes on in the workspace.
    """
    if not workspace.folder.is_dir():
        return [], 0
    with workspace.cleaning_lock():
        before = _size(workspace.folder)
        states = list(run_states(workspace.runs))
        needed = _needed(states, keep)
        removed = [state["run"] for state in states if state["run"] not in needed]
        for name in removed:
            remove(workspace.runs / name)
        for entry in workspace.cache.glob("*.json"):
            if not all(Path(uri).exists() for uri in _uris(json.loads(entry.read_text()))):
                remove(entry)
        for clips in unused(workspace.clips):
            remove(clips)
        return removed, before - _size(workspace.folder)


def _needed(states: list[dict[str, Any]], keep: int) -> set[str]:
    """The newest runs of each sort, and the runs that made what these took from the cache; ``states`` newest first."""
    seen: Counter[tuple[str, str, bool]] = Counter()
    needed: set[str] = set()
    for state in states:
        sort = (state["task"], state.get("kind", ""), state["status"] == FINISHED)
        seen[sort] += 1
        if seen[sort] <= keep:
            needed |= {state["run"], *state.get("made_by", [])}
    return needed


def _uris(value: object) -> list[str]:
    """The places of the artifacts that a cache entry names."""
    if isinstance(value, dict):
        own = [value["uri"]] if isinstance(value.get("uri"), str) and "://" not in value["uri"] else []
        return own + [uri for each in value.values() for uri in _uris(each)]
    return [uri for each in value for uri in _uris(each)] if isinstance(value, list) else []


def _size(folder: Path) -> int:
    """Bytes on the disk, each file once however many links it has."""
    found = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a server that runs here may remove its own files
            facts = path.lstat()
            found[facts.st_ino] = facts.st_size if stat.S_ISREG(facts.st_mode) else 0
    return sum(found.values())
