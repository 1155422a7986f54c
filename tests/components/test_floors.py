"""Who may import whom: floors, and components that stay thin."""

import ast
import os
import subprocess
import sys

import pytest
from source_code import ROOT, imports, python_files

MAY_IMPORT = {
    "common": set(),
    "models": {"common"},
    "corpus": {"common"},
    "feature_repo": {"common"},
    "serving": {"common", "models"},
    "promotion": {"common", "models", "serving"},
    "reports": {"common", "models", "promotion"},
    "components": {"common", "models", "corpus", "feature_repo", "serving", "promotion", "reports"},
    "pipelines": {"common", "models", "corpus", "feature_repo", "serving", "promotion", "reports", "components"},
}
# So that a room whose files moved away is noticed.
LEAST_FILES = {
    "common": 7,
    "models": 50,
    "corpus": 22,
    "feature_repo": 12,
    "serving": 7,
    "promotion": 9,
    "reports": 10,
    "components": 20,
    "pipelines": 29,
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
    "optuna",  # studies.trials alone: which settings are tried next
    "sqlalchemy",  # whose errors it turns into a sentence
}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_nothing_imports_upwards(room):
    for path in python_files(room, least=LEAST_FILES[room]):
        upward = imports(path) & set(MAY_IMPORT) - MAY_IMPORT[room] - {room}
        assert not upward, f"{path.name} imports {upward}"


def test_the_check_reads_imports_inside_functions():
    assert "models" in imports(ROOT / "components" / "score_teacher.py")


def test_models_needs_no_more_than_a_training_machine_has():
    needed = set().union(*(imports(path) for path in python_files("models", least=LEAST_FILES["models"])))
    assert needed - BARE_MACHINE - set(sys.stdlib_module_names) == {"common", "models"}


def test_only_training_components_read_features():
    readers = {
        path.stem
        for path in python_files("components", least=LEAST_FILES["components"])
        if "feature_repo" in imports(path)
    }
    assert readers == {"retrieve_features"}


def test_what_a_running_step_imports_defines_no_component():
    """Within one kfp.dsl has no 'component': only end-to-end runs would notice."""
    modules = ", ".join(f"components.shared.{path.stem}" for path in (ROOT / "components" / "shared").glob("[a-z]*.py"))
    environment = {**os.environ, "_KFP_RUNTIME": "true"}
    done = subprocess.run([sys.executable, "-c", f"import {modules}"], cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0
    broken = subprocess.run(
        [sys.executable, "-c", "import components.base"], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert b"has no attribute 'component'" in broken.stderr


def test_components_are_thin():
    for path in python_files("components", least=LEAST_FILES["components"]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.end_lineno - node.body[0].lineno + 1
                assert body <= 40, f"{path.name}: {node.name} has {body} lines"
