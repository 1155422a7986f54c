"""Pack the student into a TorchServe archive."""

from kfp.dsl import Artifact, Input, Model, Output

from components.base import component


@component()
def package(
    distilled: Input[Model], evaluation: Input[Artifact], task: str, version: str, archive: Output[Artifact]
) -> None:
    """``archive`` is a folder that holds TASK.mar and its digest, TASK.mar.sha256."""
    from pathlib import Path

    from models.evaluation.judging import Evaluation
    from serving.archive import build_archive

    result = Evaluation.model_validate_json(Path(evaluation.path).read_text())
    threshold = result.models["student"].threshold
    path = build_archive(Path(distilled.path), task, version, threshold, Path(archive.path))
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB", flush=True)
