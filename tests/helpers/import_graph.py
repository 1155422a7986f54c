"""Which module of the project imports which, wherever in its file: for tests of rooms and circles."""

import ast
from pathlib import Path

from source_code import ROOT, python_files


def import_graph(*rooms: str, least: int, root: Path = ROOT) -> dict[str, set[str]]:
    """The modules of these rooms, each with those of them that it imports, inside functions too."""
    files = {_name(path, root): path for path in python_files(*rooms, least=least, root=root)}
    return {name: _imported(path, name, set(files)) - {name} for name, path in files.items()}


def _name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _imported(path: Path, name: str, known: set[str]) -> set[str]:
    """The known modules that a file names in its imports; of ``from a import b`` that is a.b if it is one, else a."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            inner = {f"{source}.{alias.name}" for alias in node.names}
            found |= (inner & known) | ({source} if inner - known else set())
    return found & known
