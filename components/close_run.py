"""On a cluster, however the run ended: settle its claim, end its record, and tell of a failure."""

from kfp.dsl import PipelineTaskFinalStatus

from components.base import component


@component()
def close_run(
    status: PipelineTaskFinalStatus, task: str, kubeflow_run: str, tracking_uri: str, ledger_uri: str
) -> None:
    """A run that was never opened gave way, and said so itself. On a laptop the runner does the same."""
    from promotion.ledger.claims import settle
    from promotion.ledger.outbox import post
    from promotion.runs import FAILED, FINISHED, KILLED, end_orchestrated

    succeeded = status.state == "SUCCEEDED"
    settle(ledger_uri, task, kubeflow_run, done=succeeded)
    ended = FINISHED if succeeded else KILLED if status.state == "CANCELED" else FAILED
    reason = "" if succeeded else f"{status.error_message or status.state} (Kubeflow's run {kubeflow_run})"
    name = end_orchestrated(tracking_uri, task, kubeflow_run, ended, reason)
    if name and ended == FAILED:
        post(ledger_uri, "run.failed", {"task": task, "run": name, "reason": reason})
    print(f"{task}: {ended.lower()}, {name or 'not opened'}", flush=True)
