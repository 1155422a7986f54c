"""Train X-VLM on labels alone."""

from kfp.dsl import Dataset, Input, Model, Output

from components.base import component


@component()
def train_baseline(
    catalogue: Input[Dataset], clips: Input[Dataset], student: str, seed: int, baseline: Output[Model]
) -> None:
    """``baseline`` is a network folder: config.json, model.safetensors, tokenizer, history.json."""
    from pathlib import Path

    from models.recipes import open_run, save_network, train_baseline
    from models.settings import StudentSettings

    settings = StudentSettings.model_validate_json(student)
    data = open_run(Path(catalogue.path), Path(clips.path), settings)
    model, history = train_baseline(data, settings, seed)
    save_network(model, data.tokenizer, history, Path(baseline.path))
