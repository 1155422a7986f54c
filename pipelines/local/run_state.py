"""Where a local run stands, in a file beside its log: also told of runs that never reached MLflow."""

import json
from dataclasses import dataclass
from pathlib import Path

import psutil

from common.files import whole


@dataclass
class RunState:
    """Writes state.json whenever the run moves on: running, finished, failed or stopped."""

    path: Path
    task: str
    last: tuple[str, str, str] = ("", "", "")

    def note(self, status: str, step: str, reason: str = "") -> None:
        if self.last == (status, step, reason):
            return
        self.last = (status, step, reason)
        values = {"task": self.task, "status": status, "step": step, "reason": reason, "pid": psutil.Process().pid}
        with whole(self.path) as partial:
            partial.write_text(json.dumps(values))


def unfinished_runs(runs: Path, task: str) -> list[tuple[str, str]]:
    """(name, where it stands) of the task's local runs that did not finish, newest first."""
    found = []
    for path in runs.glob("*/state.json"):
        state = json.loads(path.read_text())
        if state["task"] != task or state["status"] == "finished":
            continue
        status = state["status"]
        if status == "running" and not psutil.pid_exists(state["pid"]):
            status = "stopped"
        reason = f": {state['reason']}" if state["reason"] else ""
        found.append((path.parent.name, f"{status} at {state['step'] or 'the start'}{reason}"))
    return sorted(found, reverse=True)
