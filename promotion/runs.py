"""The life of a run in MLflow: begun, ended with its true duration, and closed where its process was killed."""

from collections.abc import Callable, Mapping
from datetime import datetime

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.tracking.context.registry import resolve_tags

from promotion.registry import discard_unregistered
from promotion.tracking import connect, experiment_id, in_sentences, nothing_there

RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"  # what MLflow's own pages show as a run's description
REASON = "reason"
ENDED_BY, RUNNER = "ended_by", "runner"  # a run that its runner ends is not ended by the step that records it
VERDICT = "verdict"
KUBEFLOW_RUN = "kubeflow_run"  # Kubeflow's id of it
LONGEST_REASON = 5_000  # characters: what every MLflow server takes as the value of a tag
PAGE = 1_000  # runs a request: a killed workspace has a handful


@in_sentences
def begin_run(tracking_uri: str, task: str, name: str, tags: Mapping[str, str]) -> str:
    """Start a run now; whoever begins it ends it with ``end_run``. Returns its id."""
    client = connect(tracking_uri)
    return new_run(client, experiment_id(client, task), name, {**tags, ENDED_BY: RUNNER})


@in_sentences
def end_run(tracking_uri: str, run_id: str, status: str, reason: str = "") -> None:
    """End a run now: FINISHED, FAILED or KILLED, with the reason as its note and tag."""
    client = connect(tracking_uri)
    _end(client, client.get_run(run_id), status, reason)


@in_sentences
def begin_orchestrated(tracking_uri: str, task: str, name: str, kubeflow_run: str, tags: Mapping[str, str]) -> None:
    """Start the record of a run of Kubeflow's, unless a former attempt of the same step did."""
    if _orchestrated(connect(tracking_uri), task, kubeflow_run) is None:
        begin_run(tracking_uri, task, name, {**tags, KUBEFLOW_RUN: kubeflow_run})


@in_sentences
def verdict_of(tracking_uri: str, task: str, kubeflow_run: str) -> str:
    """What the gate said in a run of Kubeflow's; '' if it never came to that."""
    run = _orchestrated(connect(tracking_uri), task, kubeflow_run)
    return "" if run is None else str(run.data.tags.get(VERDICT, ""))


@in_sentences
def end_orchestrated(tracking_uri: str, task: str, kubeflow_run: str, status: str, reason: str = "") -> str:
    """End the record of a run of Kubeflow's. Returns its name; '' if it was never begun."""
    client = connect(tracking_uri)
    run = _orchestrated(client, task, kubeflow_run)
    if run is None:
        return ""
    _end(client, run, status, reason)
    return str(run.info.run_name)


def _orchestrated(client: MlflowClient, task: str, kubeflow_run: str) -> Run | None:
    experiment = client.get_experiment_by_name(task)
    if experiment is None:
        return None
    found = client.search_runs([experiment.experiment_id], f"tags.{KUBEFLOW_RUN} = '{kubeflow_run}'", max_results=1)
    return found[0] if found else None


@in_sentences
def close_abandoned(
    tracking_uri: str,
    task: str,
    is_alive: Callable[[str], bool],
    last_seen: Callable[[str], datetime | None] = lambda _: None,
) -> list[str]:
    """End as KILLED what killed processes left of a task's runs; their logged models without a version go.

    Args:
        is_alive: whether the run of a name still has its process. On a tracking server that others share it must say
            so of theirs too.
        last_seen: when the run of a name last moved on, for its true duration; None: now.

    Returns:
        the names of the runs that were closed.
    """
    if nothing_there(tracking_uri):
        return []
    client = connect(tracking_uri)
    experiment = client.get_experiment_by_name(task)
    if experiment is None:
        return []
    running = client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'", max_results=PAGE)
    top = {run.info.run_id: run for run in running if PARENT not in run.data.tags}
    dead = {
        run_id: run
        for run_id, run in top.items()
        if KUBEFLOW_RUN not in run.data.tags and not is_alive(run.info.run_name)  # Kubeflow ends its own
    }
    for run in dead.values():
        _end(client, run, KILLED, "its process was killed", last_seen(run.info.run_name))
    for run in running:
        if run.data.tags.get(PARENT, run.info.run_id) not in top:  # its parent ended without it
            client.set_terminated(run.info.run_id, KILLED)
    return [run.info.run_name for run in dead.values()]


def new_run(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str]) -> str:
    """Create a run that goes on until it is ended. MLflow adds its user and source. Returns its id."""
    return str(client.create_run(experiment, tags=resolve_tags(dict(tags)), run_name=name).info.run_id)


def run_named(client: MlflowClient, experiment: str, name: str) -> Run | None:
    """The newest run of a name that is not nested; None if there is none."""
    quote = '"' if "'" in name else "'"
    found = client.search_runs([experiment], f"attributes.run_name = {quote}{name}{quote}", max_results=PAGE)
    return next((run for run in found if PARENT not in run.data.tags), None)


def nested_runs(client: MlflowClient, parent: Run) -> dict[str, Run]:
    """The runs below a run, by name."""
    found = client.search_runs([parent.info.experiment_id], f"tags.`{PARENT}` = '{parent.info.run_id}'")
    return {run.info.run_name: run for run in found}


def settle(client: MlflowClient, run: Run) -> None:
    """End nested runs that a killed process left running, and delete its logged models without a version."""
    for nested in nested_runs(client, run).values():
        if nested.info.status == RUNNING:
            client.set_terminated(nested.info.run_id, KILLED)
    task = client.get_experiment(run.info.experiment_id).name
    discard_unregistered(client, task, run.info.experiment_id, run.info.run_id)


def _end(client: MlflowClient, run: Run, status: str, reason: str, at: datetime | None = None) -> None:
    settle(client, run)
    if reason:
        for key in (NOTE, REASON):
            client.set_tag(run.info.run_id, key, reason[:LONGEST_REASON])
    ended = None if at is None else max(int(at.timestamp() * 1000), run.info.start_time)
    client.set_terminated(run.info.run_id, status, ended)  # None: now
