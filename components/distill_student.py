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
    """``distilled`` is a network folder with alphas.parquet, and distillation.json: the constants behind them."""
    from components.shared.launching import launch
    from models.jobs.training import Training

    job = Training.described(
        distilled.path,
        kind="student",
        recipe=recipe,
        seed=seed,
        checkpoints=checkpoints,
        catalogue=catalogue.path,
        clips=clips.path,
        soft_targets=soft_targets.path,
    )
    launch(job)
