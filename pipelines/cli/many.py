"""'cpfd run --all': every task, and one table of how they ended."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from common.errors import UserError
from pipelines.cli.exit import FAILED, NOT_PASSED, PASSED
from pipelines.cli.options import tasks_folder
from pipelines.cli.output import err, out

if TYPE_CHECKING:
    from pipelines.many import Ended
    from pipelines.workspace import Workspace

ENDED = {PASSED: "passed", NOT_PASSED: "did not pass"}


def run_all(
    workspace: "Workspace",
    tasks: Path | None,
    parallel: int,
    end: datetime | None,
    months: int,
    fresh: bool,
    as_json: bool,
) -> None:
    """Run every task whose corpus is there. Exits with 1 if a run failed."""
    from pipelines.many import Many

    folder = tasks_folder(workspace, tasks)
    chosen = _with_corpus(workspace, folder)
    options = ["--workspace", str(workspace.folder), "--months", str(months)]
    options += ["--tasks", str(folder)] if folder.is_dir() else []
    options += ["--end", f"{end:%Y-%m-%d}"] if end else []
    options += ["--fresh"] if fresh else []
    found: list[Ended] = []
    many = Many(parallel, lambda task, line: err.print(f"{task}: {line}", markup=False))
    for each in many.run(chosen, options):
        found.append(each)
        err.print(f"{len(found)}/{len(chosen)} {each.task}: {_how(each)}", markup=False)
    found.sort(key=lambda each: each.task)
    if as_json:
        out.print(json.dumps([each.told or {"task": each.task, "error": each.error} for each in found]))
    else:
        out.print(_table(found))
    if any(each.status not in ENDED for each in found):
        raise typer.Exit(FAILED)


def _with_corpus(workspace: "Workspace", folder: Path) -> list[str]:
    """The tasks whose corpus is there; one whose file cannot be read is among them, and will say so itself.

    Those that share labels stand far apart: the second finds in the cache what the first has made by then.
    """
    from pipelines.task import TaskError, load_task, task_files

    there: list[tuple[int, str]] = []  # with how many of the same labels stand before it
    absent: list[str] = []
    alike: Counter[tuple[str, str]] = Counter()
    for name in task_files(folder):
        try:
            task = load_task(name, folder)
        except TaskError:
            there.append((0, name))
            continue
        if workspace.corpus(task.corpus).is_dir():
            there.append((alike[task.corpus, task.labels], name))
            alike[task.corpus, task.labels] += 1
        else:
            absent.append(name)
    if not there:
        raise UserError(f"no task has its corpus in {workspace.folder}: make one with 'cpfd corpus'")
    if absent:
        err.print(f"Left out, as their corpora are not here: {', '.join(absent)}", markup=False)
    return [name for _, name in sorted(there)]


def _how(ended: "Ended") -> str:
    return ENDED.get(ended.status) or f"failed: {ended.error}"


def _table(found: list["Ended"]) -> Table:
    table = Table("task", "ended", "student", "baseline", "version", "minutes", title=f"{len(found)} tasks")
    for each in found:
        if each.told is None:
            table.add_row(each.task, _how(each))
            continue
        metrics = each.told["metrics"]
        student, baseline = (next(iter(metrics[name].values())) for name in ("student", "baseline"))
        table.add_row(
            each.task,
            _how(each),
            f"{student:.4f}",
            f"{baseline:.4f}",
            each.told["version"] or "",
            f"{each.told['seconds'] / 60:.1f}",
        )
    return table
