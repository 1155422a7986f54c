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

    from models.distillation.soft_targets import SoftTargets
    from reports.study import Study, render_study

    rivals = [pd.read_parquet(each.path) for each in (scores_of_raw_teacher, scores_of_dense_teacher)]
    own = [rival[rival.model != "teacher"] for rival in rivals]
    study = Study(
        facts={**json.loads(Path(facts.path).read_text()), "code_version": code_version},
        settings=json.loads(settings),
        targets=SoftTargets.read(Path(soft_targets.path)),
        cost={**json.loads(Path(cost.path).read_text()), "dense_features_milliseconds": retrieval_milliseconds},
        scores=pd.concat([pd.read_parquet(scores.path), *own], ignore_index=True),
        by_share={
            0.5: pd.read_parquet(scores_of_half.path),
            0.25: pd.read_parquet(scores_of_quarter.path),
            0.125: pd.read_parquet(scores_of_eighth.path),
        },
    )
    study.measures().to_parquet(measures.path, index=False)
    Path(report.path).write_text(render_study(study))
