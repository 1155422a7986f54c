"""What tests ask of the project's own source: which modules it imports, which sources of chance and time it uses."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A clock's time, the environment, and chance that no seed governs. Durations (monotonic, perf_counter) are none of it.
OUTSIDE = re.compile(
    r"time\.(time|time_ns|ctime|localtime|gmtime|strftime)|(datetime\.)?(datetime|date)\.(now|today|utcnow)"
    r"|pandas\.(Timestamp\.(now|today|utcnow)|to_datetime\.now)|os\.(environ|environb|getenv|urandom)(\..*)?"
    r"|uuid\.uuid[14]|secrets\..*|random\..*|torch\.(seed|initial_seed)"
    r"|numpy\.random\.(?!default_rng|Generator|SeedSequence|PCG64|BitGenerator)\w+"
)


def python_files(*rooms: str, least: int, root: Path = ROOT) -> list[Path]:
    """Every Python file of these rooms, however deep. Fails where fewer are found than there must be."""
    files = sorted(path for room in rooms for path in (root / room).rglob("*.py"))
    assert len(files) >= least, f"{len(files)} files in {', '.join(rooms)}: they moved, and nothing would be checked"
    return files


def imports(path: Path) -> set[str]:
    """The top-level packages that a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def outside_sources(source: str) -> list[tuple[int, str]]:
    """(line, name) of every use of a clock's time, the environment or unseeded chance, however it was imported."""
    tree = ast.parse(source)
    meant: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.split(".")[0]
                meant[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom) and node.module:
            meant |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    found = []
    for node in ast.walk(tree):
        bare_call = isinstance(node, ast.Call) and not node.args and not node.keywords
        if bare_call and _full_name(node.func, meant).endswith("default_rng"):
            found.append((node.lineno, "default_rng() without a seed"))
        if isinstance(node, ast.Attribute | ast.Name) and OUTSIDE.fullmatch(name := _full_name(node, meant)):
            found.append((node.lineno, name))
    return found


def _full_name(node: ast.AST, meant: dict[str, str]) -> str:
    """The dotted name that an expression means; '' for what no import explains."""
    if isinstance(node, ast.Name):
        return meant.get(node.id, "")
    if isinstance(node, ast.Attribute) and (base := _full_name(node.value, meant)):
        return f"{base}.{node.attr}"
    return ""
