"""The TorchServe archive of a student: weights, JSON and a handler of two lines, with a digest beside it."""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import yaml

from common.artifacts import WEIGHTS
from common.digests import file_digest
from common.errors import UserError
from models.evaluation.metrics import Threshold

STUDENT_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")
SERVING = "serving.json"
# TorchServe runs a file out of the archive, which must define one class; this one adds nothing to the installed one.
HANDLER = """from serving.handler import StudentHandler


class Handler(StudentHandler):
    pass
"""


class ArchiveError(UserError):
    """An archive that cannot be built or trusted. The message names it."""


def build_archive(student: Path, task: str, version: str, threshold: Threshold, folder: Path) -> Path:
    """Write ``folder``/TASK.mar and TASK.mar.sha256 from a student's folder. Returns the archive's path."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "student_handler.py").write_text(HANDLER)
        serving = {"task": task, "version": version, "threshold": threshold}
        (work / SERVING).write_text(json.dumps(serving))
        (work / "model-config.yaml").write_text(yaml.safe_dump(worker_settings()))
        extra = [str(student / name) for name in STUDENT_FILES] + [str(work / SERVING)]
        command = [
            sys.executable, "-m", "model_archiver.model_packaging",
            "--model-name", task, "--version", version, "--handler", str(work / "student_handler.py"),
            "--serialized-file", str(student / WEIGHTS), "--extra-files", ",".join(extra),
            "--config-file", str(work / "model-config.yaml"), "--export-path", str(work), "--force",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        built = work / f"{task}.mar"
        if done.returncode or not built.is_file():
            raise ArchiveError(f"the archive of {task} cannot be built: {(done.stderr or done.stdout).strip()[-400:]}")
        archive = folder / built.name
        archive.write_bytes(built.read_bytes())
    (folder / f"{archive.name}.sha256").write_text(file_digest(archive) + "\n")
    return archive


def unpack(archive: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Write the student of a trusted archive to ``folder``, and none of its code. Returns it and its serving.json.

    Raises:
        ArchiveError: it is no archive of a student.
    """
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            for name in (*STUDENT_FILES, WEIGHTS, SERVING):
                (folder / name).write_bytes(packed.read(name))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ArchiveError(f"{archive.name} is no archive of a student: {error}") from error
    return folder, json.loads((folder / SERVING).read_text())


def worker_settings() -> dict[str, object]:
    """How TorchServe runs a student: one worker that batches what is waiting."""
    return {
        "minWorkers": 1,  # each worker holds a copy of the student in memory
        "maxWorkers": 1,
        "batchSize": 8,  # requests: their videos are decoded one after the other, and the first waits for the last
        "maxBatchDelay": 10,  # milliseconds that a request waits for others, which nobody notices
        "responseTimeout": 120,  # seconds for a batch of long videos on a busy machine; then the worker is restarted
        "startupTimeout": 120,  # seconds: torch and a small student took 14 on two busy cores
        "handler": {"threads": 1},  # of torch: every task that is served has a worker, and all share the cores
    }


def require_digest(archive: Path, expected: str) -> None:
    """Raise ArchiveError unless the archive is, byte for byte, the one that was proven."""
    if file_digest(archive) != expected:
        raise ArchiveError(
            f"{archive.name} is not the archive that was registered (its digest differs): "
            "it was changed after its parity check and is not served"
        )
