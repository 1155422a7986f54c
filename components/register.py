"""Record the run in MLflow, and a model version if the student passed the gate."""

from typing import NamedTuple

from kfp.dsl import HTML, Artifact, Dataset, Input, Markdown, Model, Output

from components.base import component


@component()
def register(
    facts: Input[Artifact],
    evaluation: Input[Artifact],
    decision: Input[Artifact],
    report: Input[HTML],
    scores: Input[Dataset],
    baseline: Input[Model],
    distilled: Input[Model],
    settings: str,
    code_version: str,
    tracking_uri: str,
    ledger_uri: str,
    run_name: str,
    card: Output[Markdown],
    baselines: Output[Artifact],
) -> NamedTuple("Registered", run_id=str, version=str):  # type: ignore[valid-type]
    """Goes on with the run of that name, if there is one. The same settings, window, data, seed and code: one version.

    ``version`` is '' if it did not pass. Card and ``baselines``, of drift, are signed with the evidence at approval.
    """
    from pathlib import Path

    import pyarrow.parquet as pq

    from components.shared.facts import read_run
    from models.evaluation.judging import Evaluation
    from models.evaluation.reference import reference
    from promotion.gate.verdict import Verdict
    from promotion.ledger.outbox import post
    from promotion.records import RunRecord, record_run
    from reports.card import model_card

    task, known = read_run(settings, facts.path, code_version)
    result = Evaluation.model_validate_json(Path(evaluation.path).read_text())
    verdict = Verdict.model_validate_json(Path(decision.path).read_text())
    Path(card.path).write_text(model_card(known, task, result, verdict))
    Path(baselines.path).write_text(reference(pq.read_table(scores.path).to_pandas(), result).model_dump_json(indent=1))
    record = RunRecord(
        name=run_name,
        facts=known,
        settings=task,
        evaluation=result,
        verdict=verdict,
        files={
            "report.html": Path(report.path),
            "scores.parquet": Path(scores.path),
            "evaluation.json": Path(evaluation.path),
            "decision.json": Path(decision.path),
            "model_card.md": Path(card.path),
            "drift_baselines.json": Path(baselines.path),
        },
        networks={"baseline": Path(baseline.path), "student": Path(distilled.path)},
    )
    registered = record_run(tracking_uri, record)
    post(ledger_uri, "run.judged", {"task": known["task"], "run": run_name, "version": registered[1], **verdict.told})
    return registered
