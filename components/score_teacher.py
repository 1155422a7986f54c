"""Score every video with the teacher once: soft targets for training, scores for the evaluation."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def score_teacher(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    privileged: Input[Dataset],
    teacher: Input[Model],
    student: str,
    soft_targets: Output[Dataset],
    teacher_scores: Output[Dataset],
) -> None:
    """Both outputs hold logits a video and no dense column."""
    from pathlib import Path

    import pyarrow.parquet as pq

    from models.dfxvlm import DFXVLMForClassification
    from models.recipes import open_run, score_teachers
    from models.settings import StudentSettings

    settings = StudentSettings.model_validate_json(student)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    folders = [Path(teacher.path) / f"fold-{fold}" for fold in range(settings.distillation.folds)]
    teachers = [DFXVLMForClassification.from_pretrained(folder) for folder in folders]
    for_student, for_evaluation = score_teachers(teachers, data, Path(privileged.path), settings)
    pq.write_table(for_student, soft_targets.path)
    pq.write_table(for_evaluation, teacher_scores.path)
