"""What surrounds a graph on a cluster, and is the runner's on a laptop: a claim, a record, a word on how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from kfp import dsl

from components.close_run import close_run
from components.open_run import open_run
from pipelines.graphs.pods import fit, never_from_cache
from pipelines.request import Inputs
from pipelines.task import Task


@contextmanager
def opened(task: Task, inputs: Inputs) -> Iterator[Inputs]:
    """The inputs with the window that is really the run's, and the corpus as it is when the run starts.

    What is built inside is reported on however it ends.
    """
    places = {"tracking_uri": inputs.tracking_uri, "ledger_uri": inputs.ledger_uri}
    run = {"task": task.task, "kubeflow_run": dsl.PIPELINE_JOB_ID_PLACEHOLDER}
    closing = close_run(**run, **places)
    with dsl.ExitHandler(closing, "run"):
        opening = open_run(
            **run,
            **places,
            corpus=inputs.corpus,
            window_end=inputs.window_end,
            months=inputs.months,
            once=inputs.once,
            schedule=inputs.schedule,
            since=inputs.since,
            # Known to Kubeflow alone: kfp's local runner fails on it.
            scheduled_at=dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER,
            run_name=inputs.run_name,
        )
        never_from_cache(opening, closing)
        fit(opening, task.pods.steps.model_copy(update={"retries": 0}))  # who gave way does not come back by itself
        yield replace(inputs, **opening.outputs)
