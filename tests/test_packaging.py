"""What is installed with the project: every room, every file it reads, every library it imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

from source_code import ROOT, imports, python_files

from common.source import ROOMS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LEAST_FILES = 165  # so that rooms whose files moved away are noticed
# Libraries whose package has another name than their module.
PACKAGES = {
    "PIL": "pillow",
    "great_expectations": "great-expectations",
    "kfp": "kfp",
    "kfp_server_api": "kfp-server-api",
    "model_signing": "model-signing",
    "sklearn": "scikit-learn",
    "ts": "torchserve",
    "yaml": "pyyaml",
}


def test_every_library_that_is_imported_is_declared():
    declared = {re.split(r"[<>=\[ ]", each)[0] for each in PROJECT["project"]["dependencies"]}
    needed = set().union(*(imports(path) for path in python_files(*ROOMS, least=LEAST_FILES)))
    libraries = needed - set(sys.stdlib_module_names) - set(ROOMS)
    assert len(libraries) > 20
    assert {PACKAGES.get(name, name) for name in libraries} <= declared


def packaged(folder: Path, root: Path = ROOT) -> set[Path]:
    """What setuptools installs beside the code of this package: its patterns start at the package's own folder."""
    data = PROJECT["tool"]["setuptools"]["package-data"]
    patterns = [*data.get("*", []), *data.get(".".join(folder.relative_to(root).parts), [])]
    return {path for pattern in patterns for path in folder.glob(pattern)}


def test_every_room_is_packaged_with_the_files_beside_its_code():
    found = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in found} == set(ROOMS)
    inside = [path for room in ROOMS for path in (ROOT / room).rglob("*") if "__pycache__" not in path.parts]
    beside = {path for path in inside if path.is_file() and path.suffix not in {".py", ".md"}}
    beside = {path for path in beside if ROOT / "feature_repo" / "data" not in path.parents}  # git ignores it
    assert len(beside) >= 12
    installed = set().union(*(packaged(path.parent) for path in inside if path.name == "__init__.py"))
    assert not [str(path.relative_to(ROOT)) for path in beside - installed]


def test_a_pattern_of_a_package_reaches_no_deeper_folder(tmp_path):
    folder = tmp_path / "feature_repo"
    (folder / "asof").mkdir(parents=True)
    for name in ("store.yaml", ".feastignore", "asof/store.yaml"):
        (folder / name).write_text("")
    assert packaged(folder, tmp_path) == {folder / "store.yaml", folder / ".feastignore"}
    assert packaged(folder / "asof", tmp_path) == set()


def test_every_package_is_one():
    """And says what it is for."""
    files = python_files(*ROOMS, least=LEAST_FILES)
    for path in files:
        assert (path.parent / "__init__.py").is_file(), path
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text())), path
    assert {ROOT / "feature_repo" / "asof", ROOT / "pipelines" / "cli"} <= {path.parent for path in files}
