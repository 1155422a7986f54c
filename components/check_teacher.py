"""Stop before distilling from a teacher that is surely worse than the baseline."""

from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.base import component


@component()
def check_teacher(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    baseline: Input[Model],
    teacher_scores: Input[Dataset],
    recipe: str,
    comparison: Output[Artifact],
) -> None:
    """Judged on the tuning rows, so that the evaluation rows decide nothing before the gate."""
    from pathlib import Path

    from models.evaluation.scoring import score_judging_rows
    from models.evaluation.teacher_check import compare_teacher
    from models.training.settings import Recipe

    settings = Recipe.model_validate_json(recipe)
    networks = {"baseline": Path(baseline.path)}
    judged = score_judging_rows(Path(catalogue.path), Path(clips.path), networks, Path(teacher_scores.path), settings)
    tuning = ~judged.evaluation
    probabilities = {name: values[tuning] for name, values in judged.probabilities.items()}
    found = compare_teacher(probabilities, judged.labels[tuning], judged.groups[tuning])
    Path(comparison.path).write_text(found.model_dump_json(indent=1))
    print(found.sentence, flush=True)
    found.require(settings.distillation)
