"""The same graph for a cluster: compiled to the YAML that Kubeflow Pipelines runs and schedules."""

from pathlib import Path

from kfp import compiler

from common.files import whole
from pipelines.cluster.settings import Cluster
from pipelines.graphs.retrain import retrain_pipeline
from pipelines.task import Task


def compile_task(task: Task, path: Path, cluster: Cluster | None = None) -> Path:
    """Write the pipeline of ``task`` to ``path``, for a cluster of the default settings unless another is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        compiler.Compiler().compile(retrain_pipeline(task, cluster or Cluster()), str(partial))
    return path
