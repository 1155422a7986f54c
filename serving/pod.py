"""TorchServe over one student in a pod: ``python -m serving.pod --archive TASK.mar --sha256 DIGEST --folder F``.

The archive must be the one that was approved, whatever the storage handed out. The file ``ready`` in the folder says
that a worker answers, which is what the pod's readiness is probed by: TorchServe's own /ping answers long before.
"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import UserError
from serving.archive import require_digest
from serving.configuration import ServerSettings
from serving.server import running

READY = "ready"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the pod is ended.

    Raises:
        ArchiveError: the archive is another.
        ServingError: TorchServe or the student does not come up.
    """
    parser = argparse.ArgumentParser(description="TorchServe over one student in a pod")
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--sha256", required=True, help="of the archive that was approved")
    parser.add_argument("--folder", type=Path, required=True, help="where TorchServe keeps its files: a scratch volume")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--management-port", type=int, default=8081, help="on loopback")
    parser.add_argument("--metrics-port", type=int, default=8082)
    asked = parser.parse_args(arguments)
    (asked.folder / READY).unlink(missing_ok=True)  # of a container before this one, whose volume it is as well
    require_digest(asked.archive, asked.sha256)
    settings = ServerSettings(
        inference_port=asked.port, management_port=asked.management_port, metrics_port=asked.metrics_port, pod=True
    )
    with contextlib.suppress(KeyboardInterrupt), running([asked.archive], asked.folder, settings) as server:
        (server.folder / READY).touch()
        print(f"{asked.archive.stem} answers on port {asked.port}", flush=True)
        signal.pause()


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
