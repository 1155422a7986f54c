"""What makes a function a graph of this project: its parameters, what its steps ask of a machine, and of a cache."""

import inspect
import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from kfp import dsl
from kfp.dsl import pipeline_context

from common.source import code_digest
from components.base import IMAGE
from components.shared import TRAIN_JOB
from models.starts.named_files import named_files_digest
from pipelines.cluster.settings import Cluster
from pipelines.cluster.train_job import train_job
from pipelines.graphs.opened import opened
from pipelines.graphs.pods import fit, fit_all
from pipelines.request import Inputs
from pipelines.task import Task


def pipeline(
    task: Task, kind: str, build: Callable[[Inputs], None], cluster: Cluster | None = None
) -> Callable[..., Any]:
    """The KFP pipeline that ``build`` describes. Its parameters are the fields of Inputs; settings are constants of it.

    Args:
        kind: '' for the main job, else a word in the pipeline's name.
        cluster: what the graph is compiled for; None to run it here, where the runner claims, records and reports.
    """

    def graph(*channels: Any) -> None:
        if cluster is None:
            build(Inputs(*channels))
        else:
            with opened(task, Inputs(*channels)) as inputs:
                build(inputs)
            fit_all(task.pods.steps, cluster)
        _repeat_when_code_changes(task)

    defaults = {"seed": task.seed}
    graph.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                each.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                annotation=each.type,
                default=defaults.get(each.name, inspect.Parameter.empty if each.default is MISSING else each.default),
            )
            for each in fields(Inputs)
        ]
    )
    name = "-".join(["cpfd", *([kind] if kind else []), task.task.replace("_", "-")])
    description = f"{kind}: {task.description}" if kind else task.description
    return dsl.pipeline(name=name, description=description)(graph)


def resolved_settings(task: Task) -> str:
    """The task's settings as JSON, with a digest of the files that they only name: what a run is a function of."""
    named, settings = named_files_digest(task.recipe), task.model_dump(mode="json", exclude={"pods"})
    return json.dumps(settings | ({"named_files": named} if named else {}), sort_keys=True)


def on_gpu(task: Task, *steps: dsl.PipelineTask) -> None:
    """Ask for a GPU a process on a cluster; a laptop runs without."""
    for step in steps:
        fit(step, task.pods.training, gpus=task.training.processes)


def spread(task: Task, cluster: Cluster | None, *steps: dsl.PipelineTask) -> None:
    """As ``on_gpu``, for steps that launch work: over several nodes they start pods with the GPUs, and have none."""
    pod, nodes, processes = task.pods.training, task.training.nodes, task.training.processes
    if cluster is None or nodes == 1:
        on_gpu(task, *steps)
        return
    job = train_job(pod, nodes, processes, cluster.image_of(processes) or IMAGE, cluster)
    for step in steps:
        fit(step, task.pods.steps)
        step.set_env_variable(TRAIN_JOB, json.dumps(job))


def _repeat_when_code_changes(task: Task) -> None:
    """Take the steps of the graph that is being built from a cache only while their code stays as it is.

    Code is what a step's component imports, and the files of start weights and tokenizer that the task names.
    """
    named = named_files_digest(task.recipe)
    for step in pipeline_context.Pipeline.get_default_pipeline().tasks.values():
        component = step.component_spec.name.replace("-", "_")
        step.set_env_variable("CPFD_CODE", code_digest(f"components.{component}") + named)
