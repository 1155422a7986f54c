"""The graph of a pre-training: the window's rows as a run would take them, and weights to start from."""

from collections.abc import Callable
from typing import Any

from components.pretrain import pretrain
from pipelines.graphs.pipeline import on_gpu, pipeline
from pipelines.graphs.pods import never_from_cache
from pipelines.graphs.prepare import prepare
from pipelines.request import Inputs
from pipelines.task import Task


def pretrain_pipeline(task: Task) -> Callable[..., Any]:
    """Pre-training on the videos of a task's window that no judge will see, with the task's network and schedule."""

    def build(inputs: Inputs) -> None:
        prepared = prepare(task, inputs)
        trained = pretrain(**prepared.rows, seed=inputs.seed, checkpoints=inputs.checkpoints)
        on_gpu(task, trained)
        never_from_cache(trained)

    return pipeline(task, "pretrain", build)
