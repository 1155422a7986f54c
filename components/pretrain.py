"""Continue pre-training on the window's videos, without their labels."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def pretrain(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    student: str,
    seed: int,
    checkpoints: str,
    start: Output[Model],
) -> None:
    """``start`` is a folder for ``network.start``: config.json, model.safetensors, tokenizer."""
    from pathlib import Path

    from models.jobs import Job, train
    from models.settings import StudentSettings

    train(
        Job(
            recipe="pretraining",
            catalogue=Path(catalogue.path),
            clips=Path(clips.path),
            student=StudentSettings.model_validate_json(student),
            seed=seed,
            output=Path(start.path),
            checkpoints=Path(checkpoints) if checkpoints else None,
        )
    )
