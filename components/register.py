"""Record the run in MLflow, and a model version if the student passed the gate."""

from typing import NamedTuple

from kfp.dsl import HTML, Artifact, Dataset, Input, Model

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
    run_name: str,
) -> NamedTuple("Registered", run_id=str, version=str):  # type: ignore[valid-type]
    """Goes on with the run of that name, if there is one. The same settings, window, data, seed and code: one version.

    ``version`` is '' if the student did not pass.
    """
    import json
    from pathlib import Path

    from models.evaluation.judging import Evaluation
    from promotion.gate.verdict import Verdict
    from promotion.records import RunRecord, record_run

    record = RunRecord(
        name=run_name,
        facts={**json.loads(Path(facts.path).read_text()), "code_version": code_version},
        settings=json.loads(settings),
        evaluation=Evaluation.model_validate_json(Path(evaluation.path).read_text()),
        verdict=Verdict.model_validate_json(Path(decision.path).read_text()),
        files={
            "report.html": Path(report.path),
            "scores.parquet": Path(scores.path),
            "evaluation.json": Path(evaluation.path),
            "decision.json": Path(decision.path),
        },
        networks={"baseline": Path(baseline.path), "student": Path(distilled.path)},
    )
    return record_run(tracking_uri, record)
