"""Score every video with the teacher once: soft targets for training, scores for the evaluation."""

from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.base import component


@component()
def score_teacher(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    privileged: Input[Dataset],
    teacher: Input[Model],
    recipe: str,
    seed: int,
    soft_targets: Output[Dataset],
    teacher_scores: Output[Dataset],
    importance: Output[Artifact],
) -> None:
    """``soft_targets`` and ``teacher_scores`` hold logits a video and no dense column.

    ``importance`` names features and what shuffling them costs the teacher: it is for people, and no step reads it.
    ``seed`` is that of the shuffles.
    """
    from pathlib import Path

    import pyarrow.parquet as pq

    from models.data.dense import feature_views
    from models.data.run_data import open_run
    from models.evaluation.importance import feature_importance
    from models.evaluation.scoring import load_teacher, scored_by
    from models.training.settings import Recipe
    from models.training.teachers import teacher_names

    settings, features = Recipe.model_validate_json(recipe), Path(privileged.path)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    teachers = [load_teacher(Path(teacher.path) / name) for name in teacher_names(settings.distillation)]
    scored = scored_by(teachers, data, features, settings)
    pq.write_table(scored.targets.table(), soft_targets.path)
    pq.write_table(scored.judged, teacher_scores.path)
    found = feature_importance(teachers, data, features, settings, seed, feature_views(features), scored=scored)
    Path(importance.path).write_text(found.model_dump_json(indent=1))
    print(found.sentence, flush=True)
