"""The same graph for a cluster: compiled to the YAML that Kubeflow Pipelines runs and schedules."""

import tempfile
from pathlib import Path
from typing import Any

from kfp import compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions

from common.digests import file_digest
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


def compile_objects(task: Task, path: Path, cluster: Cluster | None = None) -> Path:
    """As ``compile_task``, but as Pipeline and PipelineVersion, for a Kubeflow that keeps these as Kubernetes' objects.

    A version is named by its pipeline and a digest of what it runs: applied twice it is one, and what a changed task
    compiles to is another.
    """
    cluster = cluster or Cluster()
    graph: Any = retrain_pipeline(task, cluster)
    with tempfile.TemporaryDirectory() as folder:
        version = file_digest(compile_task(task, Path(folder) / "pipeline.yaml", cluster))[:16]
    options = KubernetesManifestOptions(
        pipeline_version_name=f"{graph.name}-{version}", namespace=cluster.namespace, include_pipeline_manifest=True
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        compiler.Compiler().compile(
            graph, str(partial), kubernetes_manifest_format=True, kubernetes_manifest_options=options
        )
    return path
