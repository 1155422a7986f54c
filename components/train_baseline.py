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
    from components.shared.launching import launch
    from models.jobs.training import Training

    job = Training.described(
        baseline.path,
        kind="baseline",
        recipe=recipe,
        seed=seed,
        checkpoints=checkpoints,
        catalogue=catalogue.path,
        clips=clips.path,
    )
    launch(job)
