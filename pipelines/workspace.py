"""Where a laptop keeps things: corpora, runs, the tracking database and what is served, all below one folder."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.files import locked


@dataclass(frozen=True)
class Workspace:
    """Paths below ``folder``, absolute. MLflow's database and the ledger are files there, unless URIs say otherwise."""

    folder: Path
    tracking: str = ""
    ledger: str = ""

    @classmethod
    def at(cls, folder: Path, tracking: str = "", ledger: str = "") -> "Workspace":
        return cls(folder.expanduser().resolve(), tracking, ledger)

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
    def clips(self) -> Path:
        """Decoded clips that tasks share."""
        return self.folder / "clips"

    @property
    def tuning(self) -> Path:
        """Databases of trials, one a task."""
        return self.folder / "tuning"

    @property
    def tasks(self) -> Path:
        """The user's own task files."""
        return self.folder / "tasks"

    def holder(self, run: str = "") -> str:
        """What a run here calls itself to others, who may be on other machines."""
        return f"{platform.node()}:{self.runs}/{run}"

    @property
    def tracking_uri(self) -> str:
        return self.tracking or f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def ledger_uri(self) -> str:
        """Of what was decided about models: a database of its own, which outlives MLflow's."""
        return self.ledger or f"sqlite:///{self.folder / 'ledger.db'}"

    @property
    def signing_key(self) -> Path:
        return self.folder / "keys" / "ledger.pem"

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
    def running_lock(self, task: str) -> Iterator[None]:
        """Hold the right to run a task here. Raises BusyError if another process runs it, or tidies up."""
        self.folder.mkdir(parents=True, exist_ok=True)
        cleaned = f"old runs of {self.folder} are being removed: try again when that is done"
        busy = f"{task} is being run in this workspace already: wait for that run, or stop it"
        with locked(self.folder / ".runs.lock", cleaned, shared=True), locked(self.folder / f".run-{task}.lock", busy):
            yield

    @contextmanager
    def cleaning_lock(self) -> Iterator[None]:
        """Hold the right to remove runs. Raises BusyError if one goes on."""
        busy = f"a run goes on in {self.folder}: clean when it has ended"
        with locked(self.folder / ".runs.lock", busy):
            yield

    @contextmanager
    def serving_lock(self) -> Iterator[None]:
        """Hold the right to serve this workspace. Raises BusyError if another process holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = "this workspace is being served already: stop the other 'cpfd serve' first"
        with locked(self.folder / ".serving.lock", busy):
            yield
