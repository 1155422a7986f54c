"""The commands that compile a task and start runs of it on a cluster."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from common.errors import UserError
from corpus.settings import MONTHS
from pipelines.cli.options import (
    HERE,
    EndOption,
    MonthsOption,
    TaskArgument,
    TasksOption,
    WorkspaceOption,
    chosen_task,
    tasks_folder,
    workspace_at,
)
from pipelines.cli.output import err, out

if TYPE_CHECKING:
    from pipelines.cluster.kubeflow import Kubeflow
    from pipelines.workspace import Workspace

COMPILED = Path("compiled")


def kubeflow_of(workspace: "Workspace") -> "Kubeflow":
    """The Kubeflow that the environment names, with the workspace's cluster.yaml. Raises ClusterError."""
    from pipelines.cluster.kubeflow import Kubeflow
    from pipelines.cluster.settings import Cluster

    return Kubeflow.of(Cluster.read(workspace.folder), os.environ)


def compile_(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="A task, by name or file.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every task, into a folder.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: TASK.yaml here; with --all the folder compiled/.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Image of the steps, best by digest. Default: that of cluster.yaml.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Compile pipelines to YAML for Kubeflow Pipelines."""
    from pipelines.cluster.settings import Cluster
    from pipelines.graphs.compile import compile_task
    from pipelines.task import task_files
    from pipelines.workspace import Workspace

    where = Workspace.at(workspace)
    if every == (task is not None):
        raise UserError("name a task, or --all for every task")
    cluster = Cluster.read(where.folder)
    if image:
        cluster = cluster.model_copy(update={"image": image})
    folder = output or COMPILED
    targets = {name: folder / f"{name}.yaml" for name in task_files(tasks_folder(where, tasks))} if every else {}
    if task is not None:
        chosen = chosen_task(task, where, tasks)
        targets = {task: output or Path(f"{chosen.task}.yaml")}
    failed = 0
    for name, path in targets.items():
        try:
            out.print(f"Compiled to {compile_task(chosen_task(name, where, tasks), path, cluster)}")
        except UserError as error:
            if not every:
                raise
            failed += 1
            err.print(f"{name}: {error}")
    if failed:
        raise UserError(f"{failed} of {len(targets)} tasks could not be compiled")


def submit(
    task: TaskArgument,
    end: EndOption = None,
    months: MonthsOption = MONTHS,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Compile a task as it is now and run it on Kubeflow Pipelines for one window."""
    from pipelines.cluster import running
    from pipelines.request import Request

    where = workspace_at(workspace)
    chosen = chosen_task(task, where, tasks)
    if end is None:
        raise UserError("say which window to train: --end YYYY-MM-DD, the first day after it")
    kubeflow = kubeflow_of(where)
    version = running.publish(kubeflow, chosen)
    run = running.submit(kubeflow, version, Request.on_cluster(chosen, kubeflow.cluster, end, months))
    out.print(f"Run {run} of version {version.name}: {kubeflow.host}/#/runs/details/{run}")


def runs(
    workspace: WorkspaceOption = HERE,
    newest: Annotated[int, typer.Option(min=1, max=100, help="How many to show.")] = 20,
) -> None:
    """Show the newest runs on Kubeflow Pipelines."""
    table = Table("started", "run", "state", "id", box=None)
    for run in kubeflow_of(workspace_at(workspace)).runs(newest):
        table.add_row(f"{run.created_at:%Y-%m-%d %H:%M} UTC", run.display_name, run.state or "", run.run_id)
    out.print(table)
