"""Who may import whom: floors, and components that stay thin."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "models": set(),
    "corpus": set(),
    "feature_repo": set(),
    "serving": {"models"},
    "registry": {"models", "serving"},
    "components": {"models", "corpus", "feature_repo", "serving", "registry"},
    "pipelines": {"models", "corpus", "feature_repo", "serving", "registry", "components"},
}
BARE_MACHINE = {
    "torch",
    "transformers",
    "tokenizers",
    "pyarrow",
    "av",
    "pydantic",
    "numpy",
    "pandas",
    "sklearn",
    "fsspec",
    "safetensors",
    "scipy",
}


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_nothing_imports_upwards(room):
    files = sorted((ROOT / room).glob("**/*.py"))
    assert len(files) >= 5
    for path in files:
        upward = imports(path) & set(MAY_IMPORT) - MAY_IMPORT[room] - {room}
        assert not upward, f"{path.name} imports {upward}"


def test_the_check_reads_imports_inside_functions():
    assert "models" in imports(ROOT / "components" / "train_baseline.py")


def test_models_needs_no_more_than_a_training_machine_has():
    import sys

    needed = set().union(*(imports(path) for path in (ROOT / "models").glob("*.py")))
    assert needed - BARE_MACHINE - set(sys.stdlib_module_names) == {"models"}


def test_only_training_components_read_features():
    readers = {path.stem for path in (ROOT / "components").glob("*.py") if "feature_repo" in imports(path)}
    assert readers == {"retrieve_features"}


def test_components_are_thin():
    for path in (ROOT / "components").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and path.stem != "telling":
                body = node.end_lineno - node.body[0].lineno + 1
                assert body <= 40, f"{path.name}: {node.name} has {body} lines"
