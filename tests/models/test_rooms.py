"""The rooms of models stand in an order: each imports only those before it."""

import pytest
from import_graph import import_graph
from source_code import ROOT, python_files

ORDER = ("settings", "data", "networks", "starts", "distillation", "training", "evaluation", "studies")
LEAST_FILES = 40


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_imports_only_those_before_it():
    graph = import_graph("models", least=LEAST_FILES)
    seen = set()
    for module, imported in graph.items():
        if module == "models":
            continue
        before = ORDER[: ORDER.index(room(module)) + 1]
        later = {each for each in imported if each != "models" and room(each) not in before}
        assert not later, f"{module} imports {later}"
        seen |= {(room(module), room(each)) for each in imported}
    assert {("data", "settings"), ("training", "starts"), ("studies", "evaluation")} <= seen


@pytest.mark.parametrize("folder", ["models", "tests/models"])
def test_a_listing_has_a_dozen_files_and_a_file_250_lines(folder):
    files = python_files(folder, least=15)
    assert {ROOT / folder / "training"} <= {path.parent for path in files}
    for parent in {path.parent for path in files}:
        assert len(list(parent.glob("*.py"))) <= 12, f"{parent.relative_to(ROOT)} lists too much"
    for path in files:
        assert len(path.read_text().splitlines()) <= 250, f"{path.relative_to(ROOT)} is too long"
