"""A training as data: one entry point for one process, for several on a machine, and for several machines.

A component calls ``train``, which runs the job here or starts torchrun on this machine, as the settings say.
On several machines, start it on each: ``torchrun --nnodes N --nproc-per-node M ... -m models.training.jobs JOB.json``.
"""

import contextlib
import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import torch.distributed as dist
from pydantic import BaseModel

from common.digests import content_digest
from common.source import code_digest
from models.data.run_data import open_run
from models.distillation.soft_targets import SoftTargets
from models.starts.named_files import named_files_digest
from models.starts.weights import save_start
from models.training.checkpoints import CheckpointFolder
from models.training.devices import process_group, rank, world
from models.training.loop import TrainingError
from models.training.new_networks import note_cost, save_network
from models.training.settings import Recipe
from models.training.students import pretrain, train_baseline, train_student
from models.training.teachers import train_teachers

Kind = Literal["baseline", "teachers", "student", "pretraining"]


class Job(BaseModel, frozen=True, extra="forbid"):
    """What to train from which files into which folder.

    ``privileged`` is for teachers, ``soft_targets`` for students. Below ``checkpoints`` the state of an unfinished
    training is saved, under a name made of everything that it is a function of: the same job resumes from it.
    """

    kind: Kind
    catalogue: Path
    clips: Path
    recipe: Recipe
    seed: int
    output: Path
    privileged: Path | None = None
    soft_targets: Path | None = None
    checkpoints: Path | None = None

    def fingerprint(self) -> str:
        """A digest of settings, seed, number of processes, data and code."""
        digest = hashlib.sha256(f"{self.kind} {self.seed} {world()} {self.recipe.model_dump_json()}".encode())
        for path in (self.catalogue, self.privileged, self.soft_targets):
            digest.update(b"-" if path is None else content_digest(path).encode())
        digest.update(named_files_digest(self.recipe).encode())
        digest.update(code_digest("models.training.jobs").encode())
        return f"{self.kind}-{digest.hexdigest()[:16]}"


def job_of(kind: Kind, output: str, *, recipe: str, seed: int, checkpoints: str = "", **inputs: str) -> Job:
    """A job as a component describes it: ``recipe`` is JSON, ``inputs`` are the paths of a Job by their name.

    ``checkpoints`` is a folder for the states of unfinished trainings, '' to save none.
    """
    return Job(
        kind=kind,
        recipe=Recipe.model_validate_json(recipe),
        seed=seed,
        output=Path(output),
        checkpoints=Path(checkpoints) if checkpoints else None,
        **{name: Path(path) for name, path in inputs.items()},
    )


def train_job(kind: Kind, output: str, **described: Any) -> None:
    """Run the job that a component describes (``job_of``)."""
    train(job_of(kind, output, **described))


def train(job: Job) -> None:
    """Run the job, in as many processes of this machine as ``training.processes`` says.

    Raises:
        TrainingError: it asks for several machines, and is not started on each.
    """
    processes = job.recipe.training.processes
    if job.recipe.training.nodes > 1 and not dist.is_torchelastic_launched():
        raise TrainingError("training.nodes is for clusters: one machine trains with training.processes")
    if processes == 1 or dist.is_torchelastic_launched():
        _run(job)
        return
    with tempfile.TemporaryDirectory() as folder:
        file, reason = Path(folder) / "job.json", Path(folder) / "reason.txt"
        file.write_text(job.model_dump_json())
        command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        done = subprocess.run([sys.executable, *command, "-m", "models.training.jobs", str(file)], check=False)
        if done.returncode:
            why = reason.read_text() if reason.is_file() else f"torchrun ended with status {done.returncode}"
            raise TrainingError(why)


def _run(job: Job) -> None:
    began = time.perf_counter()
    checkpoints = CheckpointFolder(None if job.checkpoints is None else job.checkpoints / job.fingerprint())
    data = open_run(job.catalogue, job.clips, job.recipe)
    if job.kind == "baseline":
        model, history = train_baseline(data, job.recipe, job.seed, checkpoints)
        save_network(model, data.tokenizer, history, job.output)
        note_cost(model, time.perf_counter() - began, job.output)
    elif job.kind == "pretraining":
        start, _ = pretrain(data, job.recipe, job.seed, checkpoints)
        if rank() == 0:
            save_start(start, data.tokenizer, job.output)
    elif job.kind == "teachers":
        teachers = train_teachers(data, _given(job.privileged), job.recipe, job.seed, checkpoints)
        for name, (teacher, history) in teachers.items():
            save_network(teacher, data.tokenizer, history, job.output / name)
    else:
        targets = SoftTargets.read(_given(job.soft_targets))
        student = train_student(data, targets, job.recipe, job.seed, job.output, checkpoints)
        note_cost(student, time.perf_counter() - began, job.output)
    if rank() == 0:
        checkpoints.discard()


def _given(path: Path | None) -> Path:
    if path is None:
        raise TrainingError("a job for teachers needs 'privileged', one for a student needs 'soft_targets'")
    return path


def main(file: Path) -> None:
    """Run the job in ``file``; why it failed first is written beside it, before the other processes notice."""
    with process_group():
        try:
            train(Job.model_validate_json(file.read_text()))
        except Exception as error:
            with contextlib.suppress(FileExistsError), file.with_name("reason.txt").open("x") as reason:
                reason.write(str(error))
            raise


if __name__ == "__main__":
    main(Path(sys.argv[1]))
