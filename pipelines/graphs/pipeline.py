"""What makes a function a graph of this project: its parameters, what its steps ask of a machine, and of a cache."""

import inspect
import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from kfp import dsl, kubernetes
from kfp.dsl import pipeline_context

from common.source import code_digest
from models.starts.named_files import named_files_digest
from pipelines.request import Inputs
from pipelines.task import Task

GPU = "nvidia.com/gpu"
TRAINING_MEMORY = "16Gi"  # X-VLM base with AdamW's moments takes 4 GiB; the rest is for batches and workers


def pipeline(task: Task, kind: str, build: Callable[[Inputs], None]) -> Callable[..., Any]:
    """The KFP pipeline that ``build`` describes. Its parameters are the fields of Inputs; settings are constants of it.

    Args:
        kind: '' for the main job, else a word in the pipeline's name.
    """

    def graph(*channels: Any) -> None:
        build(Inputs(*channels))
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
    named = named_files_digest(task.recipe)
    return json.dumps(task.model_dump(mode="json") | ({"named_files": named} if named else {}), sort_keys=True)


def on_gpu(task: Task, *steps: dsl.PipelineTask) -> None:
    """Ask for a GPU a process on a cluster, and for shared memory to feed it from; a laptop runs without either."""
    for step in steps:
        step.set_accelerator_type(GPU).set_accelerator_limit(task.training.processes).set_memory_limit(TRAINING_MEMORY)
        kubernetes.empty_dir_mount(step, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory")  # noqa: S108


def never_from_cache(*steps: dsl.PipelineTask) -> None:
    """Steps that act on the world outside their outputs, or whose outputs are looked for in the run's own folder."""
    for step in steps:
        step.set_caching_options(False)


def _repeat_when_code_changes(task: Task) -> None:
    """Take the steps of the graph that is being built from a cache only while their code stays as it is.

    Code is what a step's component imports, and the files of start weights and tokenizer that the task names.
    """
    named = named_files_digest(task.recipe)
    for step in pipeline_context.Pipeline.get_default_pipeline().tasks.values():
        component = step.component_spec.name.replace("-", "_")
        step.set_env_variable("CPFD_CODE", code_digest(f"components.{component}") + named)
