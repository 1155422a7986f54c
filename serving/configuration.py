"""TorchServe's configuration: on a laptop all on loopback with tokens, in a pod open to whom the network lets in."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field

from common.errors import UserError

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - of a pod, where NetworkPolicies say who is let in
LARGEST_REQUEST = 64 * 1024 * 1024  # bytes: three minutes of video as platforms store it, and some room


# All to the console: TorchServe's own way is five more files, which in a pod fill its volume. A worker's lines are
# those of the logger MODEL_LOG.
LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <Appenders>
    <Console name="console" target="SYSTEM_OUT"><PatternLayout pattern="%d{ISO8601} [%-5p] %t %c - %m%n"/></Console>
  </Appenders>
  <Loggers><Root level="info"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"""


class ServingError(UserError):
    """TorchServe cannot be started or does not answer. The message says what to do."""


class ServerSettings(BaseModel, frozen=True, extra="forbid"):
    """Ports, of which 0 takes a free one, and who may ask.

    In a ``pod`` whoever reaches the inference and metrics ports may, without a token: TorchServe's expire after an
    hour and are known inside alone. What manages it stays on loopback, there too.
    """

    inference_port: int = Field(8080, ge=0, le=65535)
    management_port: int = Field(8081, ge=0, le=65535)
    metrics_port: int = Field(8082, ge=0, le=65535)
    start_seconds: float = Field(120, gt=0)  # a small student took 20 on two busy cores
    pod: bool = False

    @classmethod
    def any_port(cls) -> "ServerSettings":
        return cls(inference_port=0, management_port=0, metrics_port=0)


class Ports(NamedTuple):
    """Where TorchServe listens."""

    inference: int
    management: int
    metrics: int
    grpc_inference: int
    grpc_management: int


def config_properties(settings: ServerSettings, ports: Ports, store: Path, tasks: Sequence[str]) -> str:
    """What TorchServe is started with: only what is in the store is served, and nothing can be added from outside."""
    host = EVERYWHERE if settings.pod else LOOPBACK
    properties = {
        "inference_address": f"http://{host}:{ports.inference}",
        "management_address": f"http://{LOOPBACK}:{ports.management}",
        "metrics_address": f"http://{host}:{ports.metrics}",
        "grpc_inference_address": LOOPBACK,
        "grpc_management_address": LOOPBACK,
        "grpc_inference_port": ports.grpc_inference,
        "grpc_management_port": ports.grpc_management,
        "model_store": store,
        "load_models": ",".join(f"{task}={task}.mar" for task in tasks),
        "disable_token_authorization": "true" if settings.pod else "false",
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


def free_ports(settings: ServerSettings) -> Ports:
    """The three ports of the settings and two free ones for gRPC; all are proven free, then let go.

    Raises:
        ServingError: one is in use, or not allowed.
    """
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
                probe.bind((LOOPBACK, port))
            except PermissionError as error:
                raise ServingError(
                    f"the {name} port {port} is not allowed to this user: name one above 1023"
                ) from error
            except OSError as error:
                raise ServingError(
                    f"the {name} port {port} is in use: stop what listens there or name another port"
                ) from error
        return Ports(*(probe.getsockname()[1] for probe in sockets))
    finally:
        for probe in sockets:
            probe.close()
