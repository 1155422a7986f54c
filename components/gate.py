"""Decide whether the student may ask to serve, and put all evidence on one page."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from components.base import component


@component()
def gate(
    facts: Input[Artifact],
    evaluation: Input[Artifact],
    scores: Input[Dataset],
    set_aside: Input[Dataset],
    undecodable: Input[Dataset],
    findings: Input[Artifact],
    baseline: Input[Model],
    distilled: Input[Model],
    settings: str,
    code_version: str,
    decision: Output[Artifact],
    report: Output[HTML],
) -> bool:
    """Whether the student passed. One that does not is a result, not an error: the run promotes nothing.

    The return value stays unnamed: kfp's local runner resolves no other output in a condition, and silently
    takes the condition for false.
    """
    import json
    from pathlib import Path

    from models.evaluation.judging import Evaluation
    from promotion.gate import decide
    from promotion.policy import GateSettings
    from reports.evidence import Evidence, render_report

    result = Evaluation.model_validate_json(Path(evaluation.path).read_text())
    task = json.loads(settings)
    verdict = decide(result, GateSettings.model_validate(task["gate"]))
    Path(decision.path).write_text(verdict.model_dump_json(indent=1))
    evidence = Evidence.read(
        facts={**json.loads(Path(facts.path).read_text()), "code_version": code_version},
        settings=task,
        evaluation=result,
        scores=Path(scores.path),
        set_aside=[Path(set_aside.path), Path(undecodable.path)],
        networks={"baseline": Path(baseline.path), "student": Path(distilled.path)},
    )
    warnings = [each["sentence"] for each in json.loads(Path(findings.path).read_text())]
    Path(report.path).write_text(render_report(evidence, verdict, warnings))
    print(f"{'passed' if verdict.passed else 'not passed'}: {verdict.reason}", flush=True)
    return verdict.passed
