"""The student as an MLflow model that brings its own code: it loads where this project is not installed."""

import ast
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from common.source import ROOMS, ROOT, imported_files
from models.settings import MODALITIES

if TYPE_CHECKING:
    from models.evaluation.metrics import Threshold

CODE = Path(__file__).parent / "student_model.py"
SERVED_BY = "serving.predictor"
# Not imported by name: transformers reads weights and tokenizers with them.
READ_WITH = ("safetensors", "tokenizers")
COLUMNS = {"frames": ("video", DataType.binary), "title": ("title", DataType.string),
           "overlay_text": ("overlay_text", DataType.string)}  # fmt: skip


def signature(modalities: Sequence[str] = MODALITIES) -> ModelSignature:
    """A column for every modality that the student reads, and no other; label and scores (JSON) come out."""
    columns = [COLUMNS[modality] for modality in MODALITIES if modality in modalities]
    return ModelSignature(
        inputs=Schema([ColSpec(kind, name) for name, kind in columns]),
        outputs=Schema([ColSpec(DataType.string, "label"), ColSpec(DataType.string, "scores")]),
    )


def save_student(model_id: str, run_id: str, student: Path, modalities: Sequence[str], threshold: "Threshold") -> None:
    """Fill a logged model: the student's folder, the code that loads it and pinned requirements. No pickle."""
    with tempfile.TemporaryDirectory() as scratch:
        Model.log(
            None,
            flavor=mlflow.pyfunc,
            model_id=model_id,
            run_id=run_id,
            python_model=str(CODE),
            artifacts={"student": str(student)},
            code_paths=[str(path) for path in copy_code(Path(scratch))],
            signature=signature(modalities),
            pip_requirements=requirements(),
            model_config={"threshold": threshold},
        )


def copy_code(folder: Path) -> list[Path]:
    """Copy what the predictor imports of this project to ``folder``. Returns the rooms there."""
    for path in imported_files(SERVED_BY):
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return sorted(folder.iterdir())


def requirements() -> list[str]:
    """The packages that the copied code imports, as they are here, without a build of this machine (+cpu)."""
    names = imported_packages([CODE, *imported_files(SERVED_BY)])
    return [f"{name}=={version(name).partition('+')[0]}" for name in sorted(names | set(READ_WITH))]


def imported_packages(files: Iterable[Path]) -> set[str]:
    """The packages that these files import, as their index names them."""
    owners = packages_distributions()
    return {owners[module][0] for module in _imported(files) if module in owners}


def _imported(files: Iterable[Path]) -> set[str]:
    """Top-level modules that are neither Python's own nor this project's."""
    found: set[str] = set()
    for path in files:
        nodes = list(ast.walk(ast.parse(path.read_text()))) if path.suffix == ".py" else []
        found |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        found |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - set(ROOMS)
