"""On a cluster, however the run ended: settle its claim, end its record, and tell of a failure."""

from kfp.dsl import PipelineTaskFinalStatus

from components.base import component


@component()
def close_run(
    status: PipelineTaskFinalStatus, task: str, kubeflow_run: str, tracking_uri: str, ledger_uri: str
) -> None:
    """A run that gave way said so itself. On a laptop the runner does the same.

    Of a run that went well Kubeflow says SUCCEEDED or COMPLETE, by its version; and RUNNING where its last steps were
    skipped, as after a gate that was not passed, but also where a pod was killed: then the record knows.
    """
    from promotion.gate.verdict import PASSED
    from promotion.ledger.claims import settle
    from promotion.ledger.outbox import post
    from promotion.runs import FAILED, FINISHED, KILLED, end_orchestrated, verdict_of

    succeeded = status.state in ("SUCCEEDED", "COMPLETE") or (
        status.state == "RUNNING" and verdict_of(tracking_uri, task, kubeflow_run) not in ("", PASSED)
    )
    held = settle(ledger_uri, task, kubeflow_run, done=succeeded)
    ended = FINISHED if succeeded else KILLED if status.state == "CANCELED" else FAILED
    reason = "" if succeeded else f"{status.error_message or status.state} (Kubeflow's run {kubeflow_run})"
    name = end_orchestrated(tracking_uri, task, kubeflow_run, ended, reason)
    if ended == FAILED and (name or held):
        post(ledger_uri, "run.failed", {"task": task, "run": name or kubeflow_run, "reason": reason})
    print(f"{task}: {ended.lower()}, {name or 'not opened'}", flush=True)
