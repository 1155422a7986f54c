"""Seconds a stage of the main job, and the share of it outside real work. Run with ``make bench``.

A stage's real work is the time its process spends after its imports; the rest is starting Python, importing
the stack and kfp itself. That cost is measured beside the run: each stage's imports alone, in a new process.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from corpus.contract import newest_publication, snapshot_id
from corpus.latents import SimulationSettings
from corpus.simulate import simulate
from pipelines.local import run_locally, window_arguments
from pipelines.retrain import retrain_pipeline
from pipelines.task import load_task
from pipelines.workspace import Workspace, code_version
from registry.tracking import prepare

IMPORTS = {
    "select-window": "corpus.window",
    "validate-data": "corpus.checks, models.clips",
    "retrieve-features": "feature_repo.retrieval, feature_repo.times",
    "validate-features": "corpus.feature_checks, corpus.feature_statistics, registry.features",
    "decode-clips": "corpus.checks, models.clips",
    "train-baseline": "models.jobs",
    "train-teacher": "models.jobs",
    "score-teacher": "models.importance",
    "check-teacher": "models.scoring",
    "distill-student": "models.jobs",
    "evaluate": "components.telling",
    "gate": "registry.report",
    "register": "registry.tracking",
    "package": "serving.archive",
    "check-parity": "serving.parity",
    "nominate": "registry.tracking",
}


def import_seconds(modules: str) -> float:
    """The wall time of a new process that does nothing but the imports."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", f"import {modules}"], check=True, capture_output=True)
    return time.monotonic() - started


def main() -> None:
    task = load_task("low_quality")
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace.at(Path(scratch))
        started = time.monotonic()
        simulate(workspace.corpus(task.corpus), SimulationSettings())
        rows = [("simulate the corpus", time.monotonic() - started, 0.0)]
        corpus = workspace.corpus(task.corpus)
        prepare(workspace.tracking_uri, workspace.tracked_artifacts, task.task)
        newest = newest_publication(corpus).as_py().replace(hour=0, minute=0, second=0, microsecond=0)
        end = newest + timedelta(days=1)
        arguments = window_arguments(task, workspace, end, 3, snapshot_id(corpus))
        arguments |= {"tracking_uri": workspace.tracking_uri, "run_name": "bench"}
        result = run_locally(retrain_pipeline(task), arguments, task.task, workspace, "bench", cached=False)
    cost = {modules: import_seconds(modules) for modules in sorted(set(IMPORTS.values()))}
    rows += [(step, seconds, min(seconds, cost[IMPORTS[step]])) for step, seconds in result.steps.items()]
    between = result.seconds - sum(result.steps.values())
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
