"""Where a local run stands, in a file beside its log: also of runs that never reached MLflow."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from common.files import whole

STATE_FILE = "state.json"
RUNNING, FINISHED, FAILED, STOPPED = "running", "finished", "failed", "stopped"
MAIN, STUDY, PRETRAINING, TUNING = "main job", "study", "pre-training", "tuning"


@dataclass
class RunState:
    """Writes state.json whenever the run moves on: running, finished, failed or stopped."""

    folder: Path
    task: str
    started: float = field(default_factory=time.time)
    kind: str = MAIN
    last: tuple[str, str, str] = ("", "", "")

    def note(self, status: str, step: str, reason: str = "", **more: Any) -> None:
        """``more`` is kept beside it: what the run came to."""
        if self.last == (status, step, reason) and not more:
            return
        self.last = (status, step, reason)
        process = psutil.Process()
        values = {
            "run": self.folder.name,
            "task": self.task,
            "kind": self.kind,
            "status": status,
            "step": step,
            "reason": reason,
            "started": self.started,
            "seconds": time.time() - self.started,
            "pid": process.pid,
            "pid_started": process.create_time(),
            **more,
        }
        with whole(self.folder / STATE_FILE) as partial:
            partial.write_text(json.dumps(values, indent=1))


def run_states(runs: Path) -> Iterator[dict[str, Any]]:
    """The states of all local runs, newest first; one whose process is gone without a word is stopped."""
    for state in sorted(_written(runs), key=lambda each: -each["started"]):
        yield {**state, "status": STOPPED} if _was_killed(state) else state


def killed_runs(runs: Path) -> list[dict[str, Any]]:
    """The states of runs that say that they go on, and whose process is gone."""
    return [state for state in _written(runs) if _was_killed(state)]


def _written(runs: Path) -> Iterator[dict[str, Any]]:
    for path in runs.glob(f"*/{STATE_FILE}"):
        with contextlib.suppress(FileNotFoundError):  # another process removes the run at this moment
            yield json.loads(path.read_text())


def _was_killed(state: dict[str, Any]) -> bool:
    return state["status"] == RUNNING and not is_alive(state)


def is_alive(state: dict[str, Any]) -> bool:
    """Whether the process of a run is still there: the one with that id that started then."""
    try:
        return abs(psutil.Process(state["pid"]).create_time() - state["pid_started"]) < 1  # seconds; clocks are coarse
    except psutil.NoSuchProcess:
        return False
