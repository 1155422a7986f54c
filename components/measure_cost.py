"""What the teacher with its dense features costs, against the student (Shi et al., CIKM 2024, table 4)."""

from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.base import component


@component()
def measure_cost(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    teacher: Input[Model],
    recipe: str,
    cost: Output[Artifact],
) -> None:
    """``cost`` holds parameters, FLOPs and milliseconds a video of both networks."""
    import json
    from pathlib import Path

    import torch

    from models.data.run_data import open_run
    from models.evaluation.cost import network_cost
    from models.evaluation.scoring import load_teacher
    from models.training.new_networks import new_classifier
    from models.training.settings import Recipe
    from models.training.teachers import teacher_names

    settings = Recipe.model_validate_json(recipe)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    # 32 videos, a training step's default: it fits the memory, and what a pass costs only once weighs little on each.
    batch = data.videos.batch(torch.arange(min(32, len(data.videos))))
    judge = load_teacher(Path(teacher.path) / teacher_names(settings.distillation)[0])
    dense = torch.zeros(len(batch["labels"]), len(getattr(judge.config, "dense_features", [])))
    networks = {"student": new_classifier(data, settings, 0), "teacher": judge}
    found = {name: network_cost(each, {**batch, "dense": dense}).model_dump() for name, each in networks.items()}
    Path(cost.path).write_text(json.dumps(found, indent=1))
