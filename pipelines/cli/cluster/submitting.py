"""The commands that compile a task and start runs of it on a cluster."""

import os
from collections.abc import Callable
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
    TaskOrAll,
    TasksOption,
    WorkspaceOption,
    chosen_task,
    require_one,
    tasks_folder,
    workspace_at,
)
from pipelines.cli.output import err, out

if TYPE_CHECKING:
    from pipelines.cluster.kubeflow import Kubeflow
    from pipelines.task import Task
    from pipelines.workspace import Workspace

COMPILED = Path("compiled")


def kubeflow_of(workspace: "Workspace") -> "Kubeflow":
    """The Kubeflow that the environment names, with the workspace's cluster.yaml. Raises ClusterError."""
    from pipelines.cluster.kubeflow import Kubeflow
    from pipelines.cluster.settings import Cluster

    return Kubeflow.of(Cluster.read(workspace.folder), os.environ)


def compile_(
    task: TaskOrAll = None,
    every: Annotated[bool, typer.Option("--all", help="Every task, into a folder.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: TASK.yaml here; with --all the folder compiled/.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="Image of the steps, best by digest. Default: that of cluster.yaml.")
    ] = None,
    gpu_image: Annotated[str | None, typer.Option(help="Image of those that ask for a GPU.")] = None,
    objects: Annotated[
        bool, typer.Option("--objects", help="As Pipeline and PipelineVersion, for kubectl apply --server-side.")
    ] = False,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Compile pipelines to YAML for Kubeflow Pipelines."""
    from pipelines.cluster.settings import Cluster
    from pipelines.graphs.compile import compile_objects, compile_task
    from pipelines.workspace import Workspace

    where = Workspace.at(workspace)
    require_one(task, every)
    given = {"image": image, "gpu_image": gpu_image}
    cluster = Cluster.read(where.folder).model_copy(update={key: value for key, value in given.items() if value})

    def compile_one(chosen: "Task") -> None:
        file = Path(f"{chosen.task}.yaml")
        path = (output or COMPILED) / file if every else output or file
        out.print(f"Compiled to {(compile_objects if objects else compile_task)(chosen, path, cluster)}")

    for_each(task, where, tasks, compile_one)


def submit(
    task: TaskOrAll = None,
    every: Annotated[bool, typer.Option("--all", help="Every task.")] = False,
    end: EndOption = None,
    months: MonthsOption = MONTHS,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Compile a task as it is now and run it on Kubeflow Pipelines for one window."""
    from pipelines.cluster import running
    from pipelines.request import Request

    where = workspace_at(workspace)
    require_one(task, every)
    if end is None:
        raise UserError("say which window to train: --end YYYY-MM-DD, the first day after it")
    kubeflow = kubeflow_of(where)

    def submit_one(chosen: "Task") -> None:
        version = running.publish(kubeflow, chosen)
        run = running.submit(kubeflow, version, Request.on_cluster(chosen, kubeflow.cluster, end, months))
        out.print(f"{chosen.task}: run {run} of version {version.name}: {kubeflow.host}/#/runs/details/{run}")

    for_each(task, where, tasks, submit_one)


def runs(
    workspace: WorkspaceOption = HERE,
    newest: Annotated[int, typer.Option(min=1, max=100, help="How many to show.")] = 20,
) -> None:
    """Show the newest runs on Kubeflow Pipelines."""
    table = Table("started", "run", "state", "id", box=None)
    for run in kubeflow_of(workspace_at(workspace)).runs(newest):
        table.add_row(f"{run.created_at:%Y-%m-%d %H:%M} UTC", run.display_name, run.state or "", run.run_id)
    out.print(table)


def for_each(task: str | None, workspace: "Workspace", tasks: Path | None, do: Callable[["Task"], None]) -> None:
    """Do it for a task, or for every one: what goes wrong with one of several is said at once and stops no other."""
    from pipelines.task import task_files

    names, failed = list(task_files(tasks_folder(workspace, tasks))) if task is None else [task], []
    for name in names:
        try:
            do(chosen_task(name, workspace, tasks))
        except UserError as error:
            if len(names) == 1:
                raise
            failed.append(name)
            err.print(f"{name}: {error}", markup=False)
    if failed:
        raise UserError(f"{len(failed)} of {len(names)} tasks failed: {', '.join(failed)}")
