"""Search a task's settings on folds of its training rows: many students, judged by rows that no judge of a run uses."""

from kfp.dsl import Artifact, Dataset, Input, Output

from components.base import component


@component()
def tune(
    catalogue: Input[Dataset],
    clips: Input[Dataset],
    privileged: Input[Dataset],
    task: str,
    recipe: str,
    trials: int,
    storage: str,
    seed: int,
    checkpoints: str,
    best: Output[Artifact],
    table: Output[Dataset],
) -> None:
    """``best`` holds settings and values, ``table`` a row a trial: no dense feature leaves this step.

    Of the catalogue only training and unlabelled rows are looked at. ``storage`` is the URL of the trials' database.
    """
    from pathlib import Path

    import pandas as pd

    from corpus.held_out import held_out_windows
    from models.studies.tuning import Ground, tune
    from models.training.settings import Recipe

    settings = Recipe.model_validate_json(recipe)
    rows = pd.read_parquet(catalogue.path)
    windows = held_out_windows(rows, settings.distillation.folds, settings.classes, seed)
    ground = Ground(windows, Path(clips.path), Path(privileged.path), settings, seed)
    kept = Path(checkpoints) if checkpoints else None
    found, trial_rows = tune(ground, task, trials=trials, storage=storage, kept=kept)
    Path(best.path).write_text(found.model_dump_json(indent=1))
    trial_rows.to_parquet(table.path, index=False)
