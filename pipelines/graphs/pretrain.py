"""The graph of a pre-training: the window's rows as a run would take them, and weights to start from."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from components.pretrain import pretrain
from pipelines.graphs.prepare import on_gpu, prepare, repeated_when_changed
from pipelines.task import Task


def pretrain_pipeline(task: Task) -> Callable[..., Any]:
    """Pre-training on the videos of a task's window that no judge will see, with the task's network and schedule."""

    @dsl.pipeline(name=f"cpfd-pretrain-{task.task.replace('_', '-')}", description=f"Pre-training: {task.description}")
    def pretraining(
        corpus: str,
        window_end: str,
        feature_registry: str,
        months: int = 3,
        seed: int = task.seed,
        snapshot: str = "",
        checkpoints: str = "",
        feature_profile: str = "local",
    ) -> None:
        prepared = prepare(
            task, corpus, window_end, months, seed, snapshot, checkpoints, feature_registry, feature_profile
        )
        trained = pretrain(**prepared.rows, seed=seed, checkpoints=checkpoints)
        on_gpu(task, trained)
        repeated_when_changed(task)
        trained.set_caching_options(False)  # its folder is looked for in the run's

    return pretraining
