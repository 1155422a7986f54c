"""A stand-in for Kubernetes with Kubeflow Trainer: takes TrainJobs as their schema has it, runs each as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml
from processes import free_port
from source_code import ROOT
from stand_in.manifests import refused


class Trainer:
    """TrainJobs by name, each a process a node, which find one another by the variables that Trainer gives pods."""

    def __init__(self, schemas: Path) -> None:
        self.schemas = schemas
        self.jobs: dict[str, dict[str, Any]] = {}
        self.created: list[dict[str, Any]] = []
        self._pods: dict[str, list[subprocess.Popen[bytes]]] = {}

    def create(self, job: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = job["metadata"]["name"]
        if said := refused(job, self.schemas):
            return 422, {"message": said}
        if name in self.jobs:
            return 409, {"message": f"{name} exists"}
        self.jobs[name] = job
        self.created.append(job)
        self._pods[name] = self._start(job["spec"]["trainer"])
        return 201, job

    def status(self, name: str) -> tuple[int, dict[str, Any]]:
        if name not in self.jobs:
            return 404, {}
        codes = [pod.poll() for pod in self._pods[name]]
        conditions = []
        if None not in codes:
            kind = "Failed" if any(codes) else "Complete"
            conditions = [{"type": kind, "status": "True", "message": f"pods ended with {codes}"}]
        return 200, {**self.jobs[name], "status": {"conditions": conditions}}

    def delete(self, name: str) -> tuple[int, dict[str, Any]]:
        return (200, {}) if self.jobs.pop(name, None) else (404, {})

    @staticmethod
    def _start(trainer: dict[str, Any]) -> list[subprocess.Popen[bytes]]:
        assert trainer["command"] == ["torchrun"]
        port = str(free_port())
        return [
            subprocess.Popen(
                [sys.executable, "-m", "torch.distributed.run", *trainer["args"]],
                cwd=ROOT,
                env={
                    # Nothing of the step's: a pod has what its manifest gives it.
                    **{name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ},
                    "OMP_NUM_THREADS": "1",
                    "PET_NNODES": str(trainer["numNodes"]),
                    "PET_NPROC_PER_NODE": str(trainer["numProcPerNode"]),
                    "PET_NODE_RANK": str(rank),
                    "PET_MASTER_ADDR": "127.0.0.1",
                    "PET_MASTER_PORT": port,
                },
            )
            for rank in range(trainer["numNodes"])
        ]


@contextmanager
def served(trainer: Trainer, folder: Path) -> Iterator[Path]:
    """The API on loopback. Yields the file that KUBECONFIG is to name."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            assert self.path == "/apis/trainer.kubeflow.org/v1alpha1/namespaces/kubeflow/trainjobs"
            self._answer(*trainer.create(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def do_GET(self) -> None:
            self._answer(*trainer.status(self.path.rpartition("/")[2]))

        def do_DELETE(self) -> None:
            self._answer(*trainer.delete(self.path.partition("?")[0].rpartition("/")[2]))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    config = folder / "kubeconfig"
    named = {"name": "here"}
    config.write_text(
        yaml.safe_dump(
            {
                "clusters": [{**named, "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
                "users": [{**named, "user": {}}],
                "contexts": [{**named, "context": {"cluster": "here", "user": "here"}}],
                "current-context": "here",
            }
        )
    )
    try:
        yield config
    finally:
        server.shutdown()
        server.server_close()
