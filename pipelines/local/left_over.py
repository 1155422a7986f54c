"""What a killed run left: steps that go on working for it, and a state that says that it goes on."""

import contextlib
import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from common.files import whole
from pipelines.local.run_state import STATE_FILE, STOPPED, killed_runs

LOG_FILE = "log.txt"
PATIENCE = 20  # seconds to end in good order: a step that serves stops its server, whose JVM takes up to five


def settle_killed_runs(runs: Path) -> None:
    """End the processes of runs that were killed, and have their states say that they were stopped."""
    for state in killed_runs(runs):
        folder = runs / state["run"]
        end_processes(list(_steps_of(folder)))
        seen = last_seen(folder)
        seconds = state["seconds"] if seen is None else max(seen.timestamp() - state["started"], state["seconds"])
        with whole(folder / STATE_FILE) as partial:
            partial.write_text(json.dumps({**state, "status": STOPPED, "seconds": seconds}, indent=1))


def last_seen(folder: Path) -> datetime | None:
    """When a run last wrote to its log: for one that was killed, when that was. None if it has none."""
    try:
        return datetime.fromtimestamp((folder / LOG_FILE).stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def end_processes(processes: list[psutil.Process]) -> None:
    """End processes and all that they started: asked to by SIGTERM, then killed."""
    found = {each.pid: each for process in processes for each in (process, *_children(process))}
    for process in found.values():
        _send(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(found.values(), timeout=PATIENCE)
    for process in alive:
        _send(process, signal.SIGKILL)


def _steps_of(folder: Path) -> Iterator[psutil.Process]:
    """The processes that work for a run: kfp names the run's folder in their arguments."""
    for process in psutil.process_iter(["cmdline"]):
        if any(f"{folder}/" in argument for argument in process.info["cmdline"] or ()):
            yield process


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, sent: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(sent)
