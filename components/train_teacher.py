"""Train DF-X-VLM on labels with privileged features: one teacher a fold."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def train_teacher(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    privileged: Input[Dataset],
    recipe: str,
    seed: int,
    checkpoints: str,
    teacher: Output[Model],
) -> None:
    """``teacher`` holds a network folder a fold: fold-0, fold-1, ..."""
    from pathlib import Path

    from models.training.jobs import Job, train
    from models.training.settings import Recipe

    train(
        Job(
            kind="teachers",
            catalogue=Path(catalogue.path),
            clips=Path(clips.path),
            privileged=Path(privileged.path),
            recipe=Recipe.model_validate_json(recipe),
            seed=seed,
            output=Path(teacher.path),
            checkpoints=Path(checkpoints) if checkpoints else None,
        )
    )
