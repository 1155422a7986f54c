"""Decide whether the student may ask to serve, and put all evidence on one page."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from components.base import component


@component()
def gate(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    facts: Input[Artifact],
    evaluation: Input[Artifact],
    scores: Input[Dataset],
    set_aside: Input[Dataset],
    undecodable: Input[Dataset],
    findings: Input[Artifact],
    baseline: Input[Model],
    distilled: Input[Model],
    champion: Input[Artifact],
    settings: str,
    code_version: str,
    ledger_uri: str,
    decision: Output[Artifact],
    report: Output[HTML],
) -> bool:
    """Whether the student passed. One that does not is a result, not an error: the run promotes nothing.

    The return value stays unnamed: kfp's local runner takes any other output in a condition for false.
    """
    import json
    from pathlib import Path

    import pyarrow.parquet as pq

    from components.shared.facts import read_run
    from models.evaluation.judging import Evaluation
    from promotion.champion import Champion
    from promotion.gate.deciding import decide
    from promotion.gate.policy import GateSettings
    from promotion.gate.reading import read_case
    from promotion.ledger.looks import count_look
    from promotion.records import rows_digest, weights_digest
    from reports.evidence import Evidence, render_report

    result = Evaluation.model_validate_json(Path(evaluation.path).read_text())
    task, known = read_run(settings, facts.path, code_version)
    warnings = [each["sentence"] for each in json.loads(Path(findings.path).read_text())]
    table = pq.read_table(scores.path)
    look = count_look(ledger_uri, task["task"], rows_digest(table), weights_digest(Path(distilled.path)))
    case = read_case(result, table.to_pandas(), Champion.read(Path(champion.path)), task, look, warnings)
    verdict = decide(case, GateSettings.model_validate(task["gate"]))
    Path(decision.path).write_text(verdict.model_dump_json(indent=1))
    evidence = Evidence.read(
        facts=known,
        settings=task,
        evaluation=result,
        scores=Path(scores.path),
        set_aside=[Path(set_aside.path), Path(undecodable.path)],
        networks={"baseline": Path(baseline.path), "student": Path(distilled.path)},
        catalogue=Path(catalogue.path),
        clips=Path(clips.path),
    )
    Path(report.path).write_text(render_report(evidence, verdict, warnings))
    print(f"{verdict.outcome}: {verdict.reason}", flush=True)
    return verdict.passed
