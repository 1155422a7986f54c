"""The rooms of models stand in an order: each imports only those before it."""

from import_graph import import_graph

ORDER = ("settings", "data", "networks", "starts", "distillation", "training", "evaluation", "jobs", "studies")
LEAST_FILES = 50


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
