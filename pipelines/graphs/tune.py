"""The graph of a tuning: the window's rows as a run would take them, and settings judged on folds of them."""

from collections.abc import Callable
from typing import Any

from components.tune import tune
from pipelines.graphs.pipeline import on_gpu, pipeline
from pipelines.graphs.pods import never_from_cache
from pipelines.graphs.prepare import prepare
from pipelines.request import Inputs
from pipelines.task import Task


def tune_pipeline(task: Task, trials: int, storage: str) -> Callable[..., Any]:
    """The tuning of one task: ``trials`` trials in all, kept in the database at the URL ``storage``."""

    def build(inputs: Inputs) -> None:
        prepared = prepare(task, inputs)
        tuned = tune(
            **prepared.rows,
            privileged=prepared.privileged,
            task=task.task,
            trials=trials,
            storage=storage,
            seed=inputs.seed,
            checkpoints=inputs.checkpoints,
        )
        on_gpu(task, tuned)
        never_from_cache(tuned)

    return pipeline(task, "tune", build)
