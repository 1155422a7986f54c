"""Where a laptop keeps things: corpora, runs, the tracking database and what is served, all below one folder."""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("components", "corpus", "feature_repo", "models", "pipelines", "registry", "serving")


@dataclass(frozen=True)
class Workspace:
    """Paths below ``folder``, absolute."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> "Workspace":
        return cls(folder.expanduser().resolve())

    def corpus(self, name: str) -> Path:
        """The corpus that a task names: below the workspace, or a path of its own."""
        return Path(name).expanduser().resolve() if "/" in name else self.folder / "corpora" / name

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def tracked_artifacts(self) -> str:
        return (self.folder / "mlflow-artifacts").as_uri()

    @property
    def feature_registry(self) -> str:
        return str(self.folder / "feast" / "registry.db")

    @property
    def serving(self) -> Path:
        return self.folder / "serving"

    @property
    def server_file(self) -> Path:
        return self.folder / "server.json"

    @contextmanager
    def serving_lock(self) -> Iterator[None]:
        """Hold the right to serve this workspace. Raises BlockingIOError if another process holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".serving.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                message = "this workspace is being served already: stop the other 'cpfd serve' first"
                raise BlockingIOError(message) from error
            yield


def code_digest(rooms: Iterable[str] = ROOMS) -> str:
    """A digest of the source in these rooms."""
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in {".css", ".html", ".py", ".yaml"} and "data" not in path.relative_to(ROOT).parts:
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:10]


def code_version() -> str:
    """The commit, where git knows one, and a digest of all rooms: the code a run is a function of."""
    return f"{_commit()}+{code_digest()}"


def _commit() -> str:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return "unversioned"
    done = subprocess.run(
        [git, "-C", str(ROOT), "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unversioned"
