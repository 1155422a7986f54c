"""Put a study's scores side by side: tables, plots, one page."""

from kfp.dsl import HTML, Artifact, Dataset, Input, Output

from components.base import component


@component()
def compare_variants(
    facts: Input[Artifact],
    soft_targets: Input[Dataset],
    cost: Input[Artifact],
    retrieval_milliseconds: float,
    settings: str,
    code_version: str,
    scores: Input[Dataset],
    scores_of_raw_teacher: Input[Dataset],
    scores_of_dense_teacher: Input[Dataset],
    scores_of_in_sample: Input[Dataset],
    scores_of_other_teacher: Input[Dataset],
    peer_scores: Input[Dataset],
    catalogue: Input[Dataset],
    scores_of_half: Input[Dataset],
    scores_of_quarter: Input[Dataset],
    scores_of_eighth: Input[Dataset],
    report: Output[HTML],
    measures: Output[Dataset],
) -> None:
    """``measures`` holds every metric by share of labels, model and seed; ``report`` is the page."""
    import json
    from pathlib import Path

    import pandas as pd

    from components.shared.facts import read_run
    from models.distillation.soft_targets import SoftTargets
    from models.studies.study import peer_rows
    from reports.study import Study, render_study

    others = (scores_of_raw_teacher, scores_of_dense_teacher, scores_of_in_sample, scores_of_other_teacher)
    rivals = [pd.read_parquet(each.path) for each in others]
    own = [rival[rival.model != "teacher"] for rival in rivals]
    task, known = read_run(settings, facts.path, code_version)
    peers = peer_rows(Path(catalogue.path), pd.read_parquet(peer_scores.path), tuple(task["classes"]), 0)
    study = Study(
        facts=known,
        settings=task,
        targets=SoftTargets.read(Path(soft_targets.path)),
        cost={**json.loads(Path(cost.path).read_text()), "dense_features_milliseconds": retrieval_milliseconds},
        scores=pd.concat([pd.read_parquet(scores.path), *own, peers], ignore_index=True),
        by_share={
            0.5: pd.read_parquet(scores_of_half.path),
            0.25: pd.read_parquet(scores_of_quarter.path),
            0.125: pd.read_parquet(scores_of_eighth.path),
        },
    )
    study.measures().to_parquet(measures.path, index=False)
    Path(report.path).write_text(render_study(study))
