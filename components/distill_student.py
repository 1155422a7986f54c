"""Distil the student: labels, stored soft targets, and trust in the teacher sample by sample."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def distill_student(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    soft_targets: Input[Dataset],
    recipe: str,
    seed: int,
    checkpoints: str,
    distilled: Output[Model],
) -> None:
    """``distilled`` is a network folder with distillation.json: the constants behind alpha."""
    from pathlib import Path

    from models.training.jobs import Job, train
    from models.training.settings import Recipe

    train(
        Job(
            kind="student",
            catalogue=Path(catalogue.path),
            clips=Path(clips.path),
            soft_targets=Path(soft_targets.path),
            recipe=Recipe.model_validate_json(recipe),
            seed=seed,
            output=Path(distilled.path),
            checkpoints=Path(checkpoints) if checkpoints else None,
        )
    )
