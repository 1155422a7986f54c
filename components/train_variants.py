"""Train the students of a study that share one teacher: every variant with every seed."""

from kfp.dsl import Dataset, Input, Output

from components.base import component


@component()
def train_variants(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    soft_targets: Input[Dataset],
    teacher_scores: Input[Dataset],
    recipe: str,
    variants: str,
    seeds: int,
    scores: Output[Dataset],
) -> None:
    """``scores`` holds every student's, and the teacher's, class probabilities of the judging rows."""
    import json
    from pathlib import Path

    import pandas as pd

    from components.shared.progress import counter
    from models.studies.study import Ground, Variant, in_equal_steps, step_matched_epochs, teacher_rows, train_variants
    from models.studies.variants import STEPS
    from models.training.settings import Recipe

    settings = Recipe.model_validate_json(recipe)
    ground = Ground(Path(catalogue.path), Path(clips.path), Path(soft_targets.path), settings)
    chosen = [Variant.model_validate(each) for each in json.loads(variants)]
    epochs = step_matched_epochs(pd.read_parquet(catalogue.path, columns=["split"]), settings)
    chosen = in_equal_steps(chosen, epochs, STEPS)
    progress = counter("trained", seeds * len(chosen))
    students = train_variants(ground, chosen, range(seeds), progress=progress)
    teacher = teacher_rows(ground.catalogue, Path(teacher_scores.path), settings, 0)
    pd.concat([students, teacher], ignore_index=True).to_parquet(scores.path, index=False)
