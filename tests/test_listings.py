"""Listings that are read at a glance: twelve files in a folder, 250 lines in a file, wherever code or a test lies."""

import os
from pathlib import Path

import pytest
from source_code import ROOT

from common.source import ROOMS

FOLDERS = (*ROOMS, "benchmarks", "examples", "tests")
READ_WHOLE = {".html", ".py", ".yaml", ".yml"}
MOST_FILES, MOST_LINES = 12, 250
A_STEP_A_FILE = "components"  # as many files as the graphs have steps
# Of what there is, 85 %: so that folders that moved away are noticed.
LEAST_FOLDERS, LEAST_FILES = 46, 276


def listings(root: Path = ROOT) -> dict[str, list[Path]]:
    """The files of each folder that a listing shows: without what begins with a dot, and what git ignores."""
    found = {}
    for folder in FOLDERS:
        for place, inner, names in os.walk(root / folder):
            here = Path(place)
            ignored = {"__pycache__", *(["data"] if here == root / "feature_repo" else [])}
            inner[:] = [name for name in inner if name not in ignored and not name.startswith(".")]
            if shown := [here / name for name in sorted(names) if not name.startswith(".")]:
                found[str(here.relative_to(root))] = shown
    return found


def crowded(found: dict[str, list[Path]]) -> list[str]:
    return [folder for folder, files in found.items() if folder != A_STEP_A_FILE and len(files) > MOST_FILES]


def read_whole(found: dict[str, list[Path]]) -> dict[str, Path]:
    return {f"{folder}/{path.name}": path for folder in found for path in found[folder] if path.suffix in READ_WHOLE}


def long(found: dict[str, list[Path]]) -> list[str]:
    return [name for name, path in read_whole(found).items() if len(path.read_text().splitlines()) > MOST_LINES]


def test_a_listing_has_a_dozen_files_and_a_file_250_lines():
    found = listings()
    assert len(found) >= LEAST_FOLDERS
    assert len(read_whole(found)) >= LEAST_FILES
    assert {"models/training", "reports/templates", "tests/helpers", "benchmarks", A_STEP_A_FILE} <= set(found)
    assert not crowded(found)
    assert not long(found)


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder that is as full as it may be, of files as long as they may be, and what is not counted."""
    for name in ("models/deep/__pycache__", "feature_repo/data", "components"):
        (tmp_path / name).mkdir(parents=True)
    for number in range(MOST_FILES):
        (tmp_path / "models" / "deep" / f"{number}.py").write_text("\n" * MOST_LINES)
        (tmp_path / "models" / "deep" / "__pycache__" / f"{number}.pyc").write_text("")
    for number in range(MOST_FILES + 1):
        (tmp_path / "feature_repo" / "data" / f"{number}.py").write_text("")
        (tmp_path / "components" / f"{number}.py").write_text("")
    (tmp_path / "models" / "deep" / ".hidden").write_text("")
    return tmp_path


def test_what_git_ignores_is_not_counted_and_as_many_as_may_be_are_not_too_many(checkout):
    assert set(listings(checkout)) == {"models/deep", "components"}
    assert crowded(listings(checkout)) == long(listings(checkout)) == []


@pytest.mark.parametrize("name", ["one_more.py", "notes.md", "page.html"])
def test_one_file_more_is_one_too_many_of_whatever_kind(checkout, name):
    (checkout / "models" / "deep" / name).write_text("")
    assert crowded(listings(checkout)) == ["models/deep"]


@pytest.mark.parametrize(("name", "told"), [("a.py", True), ("a.yaml", True), ("a.html", True), ("a.md", False)])
def test_one_line_more_is_one_too_many_but_in_a_document(checkout, name, told):
    (checkout / "models" / name).write_text("\n" * (MOST_LINES + 1))
    assert long(listings(checkout)) == ([f"models/{name}"] if told else [])
