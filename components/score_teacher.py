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

    from models.recipes import open_run, teacher_names
    from models.scoring import load_teacher, score_teachers
    from models.settings import StudentSettings

    settings = StudentSettings.model_validate_json(student)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    teachers = [load_teacher(Path(teacher.path) / name) for name in teacher_names(settings.distillation)]
    for_student, for_evaluation = score_teachers(teachers, data, Path(privileged.path), settings)
    pq.write_table(for_student.table(), soft_targets.path)
    pq.write_table(for_evaluation, teacher_scores.path)
