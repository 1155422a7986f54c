"""Seconds a stage of the main job, and the share of it outside real work. Run with ``make bench``.

A stage's real work is the time its process spends after its imports; the rest is starting Python, importing
the stack and kfp itself. That cost is measured beside the run: each stage's imports alone, in a new process.
"""

import ast
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common.source import ROOT, code_version
from corpus.simulation.causes import SimulationSettings
from corpus.simulation.simulate import simulate
from pipelines.local.run import run_task
from pipelines.request import Request
from pipelines.task import load_task
from pipelines.workspace import Workspace


def imports_of(step: str) -> str:
    """The import statements within a step's function, as a program."""
    tree = ast.parse((ROOT / "components" / f"{step.replace('-', '_')}.py").read_text())
    within = [node for function in tree.body if isinstance(function, ast.FunctionDef) for node in ast.walk(function)]
    return "\n".join(ast.unparse(node) for node in within if isinstance(node, ast.Import | ast.ImportFrom))


def import_seconds(program: str) -> float:
    """The wall time of a new process that does nothing but the imports."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return time.monotonic() - started


def main() -> None:
    task = load_task("low_quality")
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace.at(Path(scratch))
        started = time.monotonic()
        simulate(workspace.corpus(task.corpus), SimulationSettings())
        rows = [("simulate the corpus", time.monotonic() - started, 0.0)]
        result = run_task(Request.in_workspace(task, workspace), workspace, cached=False).result
    taken = {step: seconds or 0.0 for step, seconds in result.steps.items()}
    rows += [(step, seconds, min(seconds, import_seconds(imports_of(step)))) for step, seconds in taken.items()]
    between = result.seconds - sum(taken.values())
    rows.append(("between the steps", between, between))
    total, outside = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"{code_version()}, {os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}")
    print(f"{'stage':<22}{'seconds':>9}{'of which start and imports':>30}")
    for stage, seconds, start in rows:
        print(f"{stage:<22}{seconds:>9.1f}{start:>30.1f}")
    print(f"{'all':<22}{total:>9.1f}{outside:>30.1f}")
    print(f"outside real work: {outside / total:.0%}")


if __name__ == "__main__":
    main()
