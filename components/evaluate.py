"""Judge baseline, teacher, student, peers and champion on the same rows."""

from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output

from components.base import component


@component()
def evaluate(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    baseline: Input[Model],
    distilled: Input[Model],
    teacher_scores: Input[Dataset],
    peer_scores: Input[Dataset],
    champion: Input[Artifact],
    champion_scores: Input[Dataset],
    recipe: str,
    seed: int,
    scores: Output[Dataset],
    evaluation: Output[Artifact],
    metrics: Output[Metrics],
    classification: Output[ClassificationMetrics],
) -> None:
    """``scores`` holds every model's class probabilities of every judging row; the metrics are the student's."""
    import json
    from pathlib import Path

    import pyarrow.parquet as pq

    from components.shared.output import log_results
    from models.data.dataset import open_clips
    from models.evaluation.judging import CHAMPION, evaluate
    from models.evaluation.peers import RAW
    from models.evaluation.scoring import read_judging_rows, score_judging_rows
    from models.training.settings import Recipe
    from serving.scoring import answer_cost

    settings = Recipe.model_validate_json(recipe)
    folders = {"baseline": Path(baseline.path), "student": Path(distilled.path)}
    judged = score_judging_rows(Path(catalogue.path), Path(clips.path), folders, Path(teacher_scores.path), settings)
    others = judged.of_others(pq.read_table(peer_scores.path))
    peers, thresholds = list(others), {}
    if (served := pq.read_table(champion_scores.path)).num_rows:  # it decides where it decides when it serves
        others |= judged.of_others(served)
        thresholds[CHAMPION] = json.loads(Path(champion.path).read_text())["threshold"]
    pq.write_table(judged.table(others), scores.path)
    result = evaluate(
        {**judged.probabilities, **others},
        judged.labels,
        judged.evaluation,
        settings.classes,
        seed,
        settings.judge,
        [name for name in RAW if name in peers],
        judged.groups,
        thresholds,
        settings.operating_point,
    )
    rows = read_judging_rows(Path(catalogue.path), open_clips(Path(clips.path), settings))
    answer = answer_cost(folders["student"], result.models["student"].threshold, rows)
    result = result.model_copy(update={"answer": answer})
    Path(evaluation.path).write_text(result.model_dump_json(indent=1))
    log_results(metrics, classification, judged, result)
