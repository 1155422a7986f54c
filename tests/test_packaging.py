"""What is installed with the project: every room, every file it reads, every library it imports."""

import ast
import re
import sys
import tomllib

from source_code import ROOT, imports, python_files

from common.source import ROOMS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Libraries whose package has another name than their module.
PACKAGES = {
    "PIL": "pillow",
    "great_expectations": "great-expectations",
    "kfp": "kfp",
    "sklearn": "scikit-learn",
    "ts": "torchserve",
    "yaml": "pyyaml",
}


def test_every_library_that_is_imported_is_declared():
    declared = {re.split(r"[<>=\[ ]", each)[0] for each in PROJECT["project"]["dependencies"]}
    needed = set().union(*(imports(path) for path in python_files(*ROOMS, least=130)))
    libraries = needed - set(sys.stdlib_module_names) - set(ROOMS)
    assert len(libraries) > 20
    assert {PACKAGES.get(name, name) for name in libraries} <= declared


def test_every_room_is_packaged_with_the_files_beside_its_code():
    found = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in found} == set(ROOMS)
    data = PROJECT["tool"]["setuptools"]["package-data"]
    beside = [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in {".yaml", ".html", ".css"} and "data" not in path.relative_to(ROOT / room).parts[:1]
    ]
    assert len(beside) >= 10
    for path in beside:
        package = path.relative_to(ROOT).parts[0]
        inside = path.relative_to(ROOT / package)
        assert any(inside.match(pattern) for pattern in data[package]), path


def test_every_package_is_one():
    """setuptools takes folders for packages only where they say so."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), path
            if path.name == "__init__.py":
                assert ast.get_docstring(ast.parse(path.read_text())), path
