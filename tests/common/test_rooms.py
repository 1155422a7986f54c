"""The ground floor stays small: what every room may use, and nothing that belongs to one of them."""

from source_code import ROOT, imports, python_files

HELD = {
    "artifacts.py": "columns and names of artifacts",
    "dense_table.py": "what a corpus declares of a dense table, which two rooms of one floor read and write",
    "digests.py": "digests of data",
    "errors.py": "the base class of a user's mistake",
    "files.py": "whole-file writing and locks",
    "shards.py": "a window's videos in shards, and what is kept of each",
    "settings_files.py": "YAML files that users write, checked; mistakes named with their line",
    "source.py": "digests of code",
    "sql.py": "SQL quoting",
}


def test_common_holds_what_it_is_for_and_nothing_else():
    found = {path.name for path in python_files("common", least=7)} - {"__init__.py"}
    assert found <= set(HELD)
    assert not [path for path in (ROOT / "common").iterdir() if path.is_dir() and path.name != "__pycache__"]


def test_common_needs_no_library_of_a_single_room():
    needed = set().union(*(imports(path) for path in python_files("common", least=7)))
    assert not needed & {"duckdb", "feast", "great_expectations", "kfp", "mlflow", "pandas", "pyarrow", "torch"}
