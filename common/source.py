"""The code that a step is a function of: a module with all that it imports of this project, and the data beside it."""

import ast
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Named, because an installed project has other packages beside its own.
ROOMS = ("common", "components", "corpus", "feature_repo", "models", "pipelines", "promotion", "reports", "serving")
# What modules read beside Python: settings of Feast, templates and styles of pages.
DATA = {".css", ".html", ".js", ".yaml"}
# A module or class that a text names, for a library to import: Feast's store, TorchServe's handler.
NAMED = re.compile(rf"\b(?:{'|'.join(ROOMS)})(?:\.\w+)+")


@cache
def imported_files(module: str) -> frozenset[Path]:
    """The files of ``module`` and of everything that it imports or names of this project, inside functions too.

    The non-Python files of a package count as soon as one of its modules does, with the modules that they name.

    Raises:
        ModuleNotFoundError: this project has no such module.
    """
    if _file_of(module) is None:
        raise ModuleNotFoundError(f"this project has no module {module}")
    found: set[Path] = set()
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        path = _file_of(name)
        if name in seen or path is None:
            continue
        seen.add(name)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting += [name.rpartition(".")[0], *_imports(path, package)]
        beside = {each for each in path.parent.rglob("*") if each.suffix in DATA}
        waiting += [named for each in beside - found for named in _named(each.read_text())]
        found |= {path, *beside}
    return frozenset(found)


def code_digest(*modules: str) -> str:
    """A digest of these modules' source and of all that they import of this project."""
    return _digest(set().union(*(imported_files(module) for module in modules)))


def code_version() -> str:
    """The commit where git knows one, else the installed version; and a digest of all rooms."""
    return f"{_commit()}+{project_digest()}"


def project_digest(*more: str) -> str:
    """A digest of all rooms, and of ``more`` folders of the checkout."""
    files = {path for room in (*ROOMS, *more) for path in (ROOT / room).rglob("*") if path.suffix in DATA | {".py"}}
    return _digest(files)


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def _file_of(module: str) -> Path | None:
    """The file of a module of this project; None for what is not one."""
    if module.partition(".")[0] not in ROOMS:
        return None
    place = ROOT.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _imports(path: Path, package: str) -> list[str]:
    """Names that may be modules: what a file imports, what it imports from there, and what its texts name."""
    names = []
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*parts, *([node.module] if node.module else [])])
            names += [source, *(f"{source}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            names += _named(node.value)
    return names


def _named(text: str) -> list[str]:
    """Names in a text that may be modules: each as it stands, and without its last part, which may be a class."""
    return [name for found in NAMED.findall(text) for name in (found, found.rpartition(".")[0])]


def _commit() -> str:
    git = shutil.which("git")
    if git is not None and (ROOT / ".git").exists():
        command = [git, "-C", str(ROOT), "rev-parse", "--short=10", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip():
            return done.stdout.strip()
    try:
        return version("cpfd")
    except PackageNotFoundError:
        return "unversioned"
