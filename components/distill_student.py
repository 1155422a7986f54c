"""Distil the student: labels, stored soft targets, and trust in the teacher sample by sample."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def distill_student(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    soft_targets: Input[Dataset],
    student: str,
    seed: int,
    distilled: Output[Model],
) -> None:
    """``distilled`` is a network folder with distillation.json: the constants behind alpha."""
    import json
    from pathlib import Path

    from models.dataset import SoftTargets
    from models.recipes import distill_student, open_run, save_network
    from models.settings import StudentSettings

    settings = StudentSettings.model_validate_json(student)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    targets = SoftTargets.read(Path(soft_targets.path))
    model, history, constants = distill_student(data, targets, settings, seed)
    save_network(model, data.tokenizer, history, Path(distilled.path))
    (Path(distilled.path) / "distillation.json").write_text(json.dumps(constants, indent=1))
