"""No module of the project imports itself through others, at any depth."""

from graphlib import CycleError, TopologicalSorter

import pytest
from import_graph import import_graph

from common.source import ROOMS

LEAST_FILES = 150  # so that rooms whose files moved away are noticed


def test_there_is_no_import_circle_in_any_room():
    graph = import_graph(*ROOMS, least=LEAST_FILES)
    assert sum(map(len, graph.values())) > 2 * len(graph), "hardly an import was found"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_a_circle_through_a_function_and_a_package_is_found(tmp_path):
    for room in ("one", "two"):
        (tmp_path / room / "deep").mkdir(parents=True)
        for folder in (tmp_path / room, tmp_path / room / "deep"):
            (folder / "__init__.py").write_text("")
    (tmp_path / "one" / "deep" / "first.py").write_text("from two import second\n")
    (tmp_path / "two" / "second.py").write_text("def later():\n    from .deep.third import name\n")
    (tmp_path / "two" / "deep" / "third.py").write_text("import one.deep.first\n")
    graph = import_graph("one", "two", least=7, root=tmp_path)
    assert graph["one.deep.first"] == {"two.second"}
    assert graph["two.second"] == {"two.deep.third"}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()
