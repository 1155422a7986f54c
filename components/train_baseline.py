"""Train X-VLM on labels alone."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def train_baseline(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    recipe: str,
    seed: int,
    checkpoints: str,
    baseline: Output[Model],
) -> None:
    """``baseline`` is a network folder: config.json, model.safetensors, tokenizer, history.json."""
    from pathlib import Path

    from models.training.jobs import Job, train
    from models.training.settings import Recipe

    train(
        Job(
            kind="baseline",
            catalogue=Path(catalogue.path),
            clips=Path(clips.path),
            recipe=Recipe.model_validate_json(recipe),
            seed=seed,
            output=Path(baseline.path),
            checkpoints=Path(checkpoints) if checkpoints else None,
        )
    )
