"""Train DF-X-VLM on labels with privileged features: one teacher a fold."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def train_teacher(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    privileged: Input[Dataset],
    student: str,
    seed: int,
    teacher: Output[Model],
) -> None:
    """``teacher`` holds a network folder a fold: fold-0, fold-1, ..."""
    from pathlib import Path

    from models.recipes import open_run, save_network, train_teachers
    from models.settings import StudentSettings

    settings = StudentSettings.model_validate_json(student)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    for fold, (model, history) in enumerate(train_teachers(data, Path(privileged.path), settings, seed)):
        save_network(model, data.tokenizer, history, Path(teacher.path) / f"fold-{fold}")
