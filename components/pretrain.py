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
    from components.shared.launching import launch
    from models.jobs.training import Training

    job = Training.described(
        start.path,
        kind="pretraining",
        recipe=recipe,
        seed=seed,
        checkpoints=checkpoints,
        catalogue=catalogue.path,
        clips=clips.path,
    )
    launch(job)
