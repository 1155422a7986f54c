"""What old runs left behind: which folders nobody needs any more, and removing them."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from common.files import remove
from models.data.clip_cache import unused
from pipelines.local.run_state import RUNNING, run_states
from pipelines.local.workspace import Workspace


def clean(workspace: Workspace, keep: int) -> tuple[list[str], int]:
    """Remove runs but each task's newest ``keep``, and what only they used. Returns their names and the bytes freed.

    A run that took steps from the cache needs the folder of the run that made them: such folders stay, too. So do runs
    that are going on. What MLflow holds (evidence, models, archives) is not touched.
    """
    before = _size(workspace.folder)
    removed = []
    for states in _by_task(workspace).values():
        needed = _needed(states, keep)
        for name in (state["run"] for state in states if state["run"] not in needed):
            remove(workspace.runs / name)
            removed.append(name)
    for entry in workspace.cache.glob("*.json"):
        if not all(Path(uri).exists() for uri in _uris(json.loads(entry.read_text()))):
            remove(entry)
    for clips in unused(workspace.clips):
        remove(clips)
    return removed, before - _size(workspace.folder)


def _by_task(workspace: Workspace) -> dict[str, list[dict[str, Any]]]:
    """The states of the runs, newest first, by task."""
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for state in run_states(workspace.runs):
        runs[state["task"]].append(state)
    return runs


def _needed(states: list[dict[str, Any]], keep: int) -> set[str]:
    """The newest runs, those that go on, and the runs that made what these took from the cache."""
    kept = [state for position, state in enumerate(states) if position < keep or state["status"] == RUNNING]
    return {name for state in kept for name in (state["run"], *state.get("made_by", []))}


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
        if path.is_file() and not path.is_symlink():
            facts = path.stat()
            found[facts.st_ino] = facts.st_size
    return sum(found.values())
