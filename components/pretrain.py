"""Continue pre-training on the window's videos, without their labels."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def pretrain(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    recipe: str,
    seed: int,
    checkpoints: str,
    start: Output[Model],
) -> None:
    """``start`` is a folder for ``network.start``: config.json, model.safetensors, tokenizer."""
    from pathlib import Path

    from models.training.jobs import Job, train
    from models.training.settings import Recipe

    train(
        Job(
            kind="pretraining",
            catalogue=Path(catalogue.path),
            clips=Path(clips.path),
            recipe=Recipe.model_validate_json(recipe),
            seed=seed,
            output=Path(start.path),
            checkpoints=Path(checkpoints) if checkpoints else None,
        )
    )
