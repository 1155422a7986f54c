"""What a run is a function of, put together: its settings, the window's facts, the code."""

import json
from pathlib import Path
from typing import Any


def read_run(settings: str, facts: str, code_version: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings, and as this run's the facts of ``select_window``, which tasks with the same labels share."""
    task = json.loads(settings)
    return task, {**json.loads(Path(facts).read_text()), "task": task["task"], "code_version": code_version}
