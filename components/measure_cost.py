"""What the teacher with its dense features costs, against the student (SEED-1 table 4)."""

from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.base import component


@component()
def measure_cost(
    corpus: str,
    task: str,
    feature_registry: str,
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    teacher: Input[Model],
    student: str,
    cost: Output[Artifact],
) -> None:
    """``cost`` holds parameters, FLOPs and milliseconds a video: of both networks, and of fetching dense features.

    What it costs to make the dense features in the first place is not in it.
    """
    import json
    import time
    from pathlib import Path

    import pandas as pd
    import torch

    from feature_repo.retrieval import retrieve_features
    from models.cost import network_cost
    from models.recipes import new_student, open_run, teacher_names
    from models.scoring import load_teacher
    from models.settings import StudentSettings

    settings = StudentSettings.model_validate_json(student)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    batch = data.videos.batch(torch.arange(min(32, len(data.videos))))
    judge = load_teacher(Path(teacher.path) / teacher_names(settings.distillation)[0])
    dense = torch.zeros(len(batch["labels"]), len(getattr(judge.config, "dense_features", [])))
    rows = pd.read_parquet(catalogue.path)
    started = time.perf_counter()
    retrieve_features(Path(corpus), task, rows, feature_registry)
    seconds = time.perf_counter() - started
    found = {
        "student": network_cost(new_student(data, settings, 0), batch).model_dump(),
        "teacher": network_cost(judge, {**batch, "dense": dense}).model_dump(),
        "dense_features_milliseconds": 1_000 * seconds / len(rows),
    }
    Path(cost.path).write_text(json.dumps(found, indent=1))
