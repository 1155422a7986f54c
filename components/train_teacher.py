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
    from components.shared.launching import launch
    from models.jobs.training import Training

    job = Training.described(
        teacher.path,
        kind="teachers",
        recipe=recipe,
        seed=seed,
        checkpoints=checkpoints,
        catalogue=catalogue.path,
        clips=clips.path,
        privileged=privileged.path,
    )
    launch(job)
