"""Train X-VLM on labels alone."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def train_baseline(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    student: str,
    seed: int,
    checkpoints: str,
    baseline: Output[Model],
) -> None:
    """``baseline`` is a network folder: config.json, model.safetensors, tokenizer, history.json."""
    from pathlib import Path

    from models.jobs import Job, train
    from models.settings import StudentSettings

    train(
        Job(
            recipe="baseline",
            catalogue=Path(catalogue.path),
            clips=Path(clips.path),
            student=StudentSettings.model_validate_json(student),
            seed=seed,
            output=Path(baseline.path),
            checkpoints=Path(checkpoints) if checkpoints else None,
        )
    )
