"""On a cluster: claim the window that the run is for, and begin the run's record."""

from typing import NamedTuple

from components.base import component


@component()
def open_run(
    task: str,
    corpus: str,
    window_end: str,
    months: int,
    once: bool,
    schedule: str,
    since: str,
    scheduled_at: str,
    kubeflow_run: str,
    run_name: str,
    tracking_uri: str,
    ledger_uri: str,
) -> NamedTuple("Opened", window_end=str, run_name=str, snapshot=str):  # type: ignore[valid-type]
    """Without a ``window_end`` the run is for the newest slot of ``schedule`` at ``scheduled_at``.

    ``snapshot`` is the digest of the corpus's tables now: Kubeflow's cache would else give later steps those of before.
    A run that is to train its window ``once`` fails here where another has it, and a schedule's run also where older
    windows come before it. On a laptop the runner does the same.
    """
    from pathlib import Path

    from corpus.contract import read_manifest, snapshot_id
    from corpus.schedule import window_of_run
    from corpus.window import window_start
    from promotion.ledger.claims import GaveWay, claim
    from promotion.ledger.outbox import post
    from promotion.runs import begin_orchestrated

    read_manifest(Path(corpus))  # says so if there is none
    end, before = window_of_run(window_end, schedule, since, scheduled_at)
    if once:
        try:
            claim(ledger_uri, task, end, kubeflow_run, before)
        except GaveWay as gave_way:
            told = {"task": task, "run": kubeflow_run, "reason": str(gave_way)}
            post(ledger_uri, "run.gave_way", told)
            raise
    name = run_name or f"{task}-to-{end:%Y%m%d}-{kubeflow_run[:8]}"
    tags = {"window_start": window_start(end, months).isoformat(), "window_end": end.isoformat()}
    begin_orchestrated(tracking_uri, task, name, kubeflow_run, tags)
    return end.isoformat(), name, snapshot_id(Path(corpus))
