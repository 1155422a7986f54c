"""Score every video with the teacher once: soft targets for training, scores for the evaluation."""

from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.base import component


@component()
def score_teacher(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    privileged: Input[Dataset],
    teacher: Input[Model],
    recipe: str,
    seed: int,
    checkpoints: str,
    soft_targets: Output[Dataset],
    teacher_scores: Output[Dataset],
    importance: Output[Artifact],
) -> None:
    """``soft_targets`` and ``teacher_scores`` hold logits a video and no dense column.

    ``importance`` names features and what shuffling them costs the teacher: it is for people, and no step reads it.
    ``seed`` is that of the shuffles.
    """
    import tempfile
    from pathlib import Path
    from shutil import copyfile

    from components.shared.launching import launch
    from models.jobs import scoring

    with tempfile.TemporaryDirectory() as folder:
        job = scoring.Scoring.described(
            folder,
            recipe=recipe,
            seed=seed,
            checkpoints=checkpoints,
            catalogue=catalogue.path,
            clips=clips.path,
            privileged=privileged.path,
            teacher=teacher.path,
        )
        launch(job)
        copyfile(Path(folder) / scoring.SOFT_TARGETS, soft_targets.path)
        copyfile(Path(folder) / scoring.TEACHER_SCORES, teacher_scores.path)
        copyfile(Path(folder) / scoring.IMPORTANCE, importance.path)
