"""What has run here, and which versions serve and ask to: read from run folders and the registry's database alone.

Of a workspace's own MLflow is not imported: it takes seconds, and a status is asked for often.
"""

from collections import defaultdict
from typing import Any

from pipelines.local.run_state import run_states
from pipelines.workspace import Workspace
from promotion.aliases import aliases


def task_status(workspace: Workspace, task: str | None = None, newest: int = 5) -> list[dict[str, Any]]:
    """A row a task that has run: task, champion, challenger (versions, or None) and ``runs``, newest first.

    A run has run, status (running, finished, failed, stopped), step, reason, started (seconds after 1970), seconds; a
    finished main job also passed, verdict, difference (in F1) and version.
    """
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for state in run_states(workspace.runs):
        runs[state["task"]].append({key: value for key, value in state.items() if key not in ("pid", "pid_started")})
    versions = aliases(workspace.tracking_uri)
    tasks = (
        sorted(runs.keys() | versions.keys()) if task is None else [task] if task in runs or task in versions else []
    )
    return [
        {
            "task": name,
            "champion": versions.get(name, {}).get("champion"),
            "challenger": versions.get(name, {}).get("challenger"),
            "runs": runs[name][:newest],
        }
        for name in tasks
    ]
