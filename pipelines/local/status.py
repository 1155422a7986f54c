"""What has run here, and which versions serve and ask to: read from run folders and the registry's database alone.

MLflow itself is not imported: it takes seconds, and a status is asked for often.
"""

import sqlite3
from collections import defaultdict
from contextlib import closing
from typing import Any

from pipelines.local.run_state import run_states
from pipelines.local.workspace import Workspace


def task_status(workspace: Workspace, task: str | None = None, newest: int = 5) -> list[dict[str, Any]]:
    """A row a task that has run: task, champion, challenger (versions, or None) and ``runs``, newest first.

    A run has run, status (running, finished, failed, stopped), step, reason, started (seconds after 1970), seconds; a
    finished main job also passed, difference (in F1) and version.
    """
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for state in run_states(workspace.runs):
        runs[state["task"]].append({key: value for key, value in state.items() if key not in ("pid", "pid_started")})
    aliases = _aliases(workspace)
    tasks = sorted(runs.keys() | aliases.keys()) if task is None else [task] if task in runs or task in aliases else []
    return [
        {
            "task": name,
            "champion": aliases[name].get("champion"),
            "challenger": aliases[name].get("challenger"),
            "runs": runs[name][:newest],
        }
        for name in tasks
    ]


def _aliases(workspace: Workspace) -> dict[str, dict[str, str]]:
    """The versions by alias of each registered model."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    database = workspace.folder / "mlflow.db"
    if database.is_file():
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            for name, alias, version in connection.execute("SELECT name, alias, version FROM registered_model_aliases"):
                found[name][alias] = str(version)
    return found
