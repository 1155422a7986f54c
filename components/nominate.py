"""Make the packaged and proven student its task's challenger."""

from kfp.dsl import Artifact, Input

from components.base import component


@component()
def nominate(
    archive: Input[Artifact],
    parity: Input[Artifact],
    decision: Input[Artifact],
    task: str,
    run_id: str,
    version: str,
    tracking_uri: str,
    ledger_uri: str,
) -> None:
    """The archive goes to the run, its digest to the version, and the request to the ledger, unless they are there."""
    from pathlib import Path

    from promotion.gate.verdict import Verdict
    from promotion.registry import keep_archive
    from promotion.review import request

    keep_archive(tracking_uri, task, run_id, version, Path(archive.path), Path(parity.path))
    judged_against = Verdict.model_validate_json(Path(decision.path).read_text()).champion
    now = request(tracking_uri, ledger_uri, task, run_id, version, judged_against)
    print(f"{task} version {version} is the {'champion' if now.champion == version else 'challenger'}", flush=True)
