"""The command that prints what serves a task on a cluster."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import HERE, WorkspaceOption, workspace_at
from pipelines.cli.output import out
from pipelines.cli.review.decisions import TaskName


def render(
    task: TaskName,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file. Default: print it.")] = None,
    canary: Annotated[
        int, typer.Option(min=1, max=100, help="Percent of requests to the champion; the one before it has the rest.")
    ] = 100,
    shadow: Annotated[
        int, typer.Option(min=0, max=100, help="Percent of requests copied to the challenger, whose answers are lost.")
    ] = 0,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Print the Kubernetes objects that serve a task's champion, for 'kubectl apply'."""
    import yaml

    from common.files import whole
    from pipelines.cluster.manifests import manifests
    from pipelines.cluster.promoted import rollout
    from pipelines.cluster.settings import Cluster

    where = workspace_at(workspace)
    cluster = Cluster.read(where.folder)
    chosen = rollout(where, cluster, task, canary, shadow)
    text = yaml.safe_dump_all(manifests(chosen, cluster.namespace, cluster.serving), sort_keys=False)
    if output is None:
        sys.stdout.write(text)
        return
    with whole(output) as partial:
        partial.write_text(text)
    out.print(f"Wrote version {chosen.champion.version} of {task} to {output}")
