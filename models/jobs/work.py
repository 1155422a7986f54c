"""Work that several processes share, as data: for one process, for several on a machine, and for several machines.

``run`` does it here or starts torchrun on this machine, as the settings say. On several machines, start it on each:
``torchrun --nnodes N --nproc-per-node M ... -m MODULE JOB.json``, where MODULE is that of the kind of work.
"""

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Self

import torch.distributed as dist
from pydantic import BaseModel

from common.digests import content_digest
from common.source import code_digest
from models.data.run_data import RunData, open_run
from models.starts.named_files import named_files_digest
from models.training.checkpoints import CheckpointFolder
from models.training.devices import process_group, rank, world
from models.training.loop import TrainingError
from models.training.settings import Recipe


class Work(BaseModel, frozen=True, extra="forbid"):
    """What to make from which files into which folder.

    Below ``checkpoints`` the state of unfinished work is saved, under a name made of everything that it is a function
    of: the same work resumes from it.
    """

    module: ClassVar[str]  # of its class, which is __main__ where the work is started on its own
    inputs: ClassVar[tuple[str, ...]] = ("catalogue", "clips")  # fields that are paths to read

    catalogue: Path
    clips: Path
    recipe: Recipe
    seed: int
    output: Path
    checkpoints: Path | None = None

    @classmethod
    def described(cls, output: str, *, recipe: str, checkpoints: str = "", **given: Any) -> Self:
        """As a component describes it: ``recipe`` is JSON, ``checkpoints`` '' to save no unfinished state."""
        settings = Recipe.model_validate_json(recipe)
        return cls.model_validate({"output": output, "recipe": settings, "checkpoints": checkpoints or None, **given})

    def name(self) -> str:
        """What it is called in names of folders and TrainJobs."""
        raise NotImplementedError

    def do(self, data: RunData, checkpoints: CheckpointFolder) -> None:
        """Do it, in each of the processes; process 0 writes."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Its name with a digest of settings, seed, number of processes, data and code."""
        digest = hashlib.sha256(f"{self.name()} {self.seed} {world()} {self.recipe.model_dump_json()}".encode())
        for field in self.inputs:
            path = getattr(self, field)
            if field != "clips":  # they follow from the catalogue and the settings
                digest.update(b"-" if path is None else content_digest(path).encode())
        digest.update(named_files_digest(self.recipe).encode())
        digest.update(code_digest(self.module).encode())
        return f"{self.name()}-{digest.hexdigest()[:16]}"

    def run(self) -> None:
        """Do it in as many processes of this machine as ``training.processes`` says.

        Raises:
            TrainingError: it asks for several machines, and is not started on each.
        """
        if self.recipe.training.nodes > 1 and not dist.is_torchelastic_launched():
            raise TrainingError("training.nodes is for clusters: one machine trains with training.processes")
        if self.recipe.training.processes == 1 or dist.is_torchelastic_launched():
            self._begin()
        else:
            self._spread(self.recipe.training.processes)

    def _begin(self) -> None:
        kept = CheckpointFolder(None if self.checkpoints is None else self.checkpoints / self.fingerprint())
        self.do(open_run(self.catalogue, self.clips, self.recipe), kept)
        if rank() == 0:
            kept.discard()

    def _spread(self, processes: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file, reason = Path(folder) / "job.json", Path(folder) / "reason.txt"
            file.write_text(self.model_dump_json())
            command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
            # torchrun's own default is one thread a process: boosting would have one core of a machine of many.
            environment = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes)), **os.environ}
            done = subprocess.run(
                [sys.executable, *command, "-m", self.module, str(file)], check=False, env=environment
            )
            if done.returncode:
                why = reason.read_text() if reason.is_file() else f"torchrun ended with status {done.returncode}"
                raise TrainingError(why)


def main(kind: type[Work], file: Path) -> None:
    """Do the work in ``file``; why it failed first is written beside it, before the other processes notice."""
    with process_group():
        try:
            kind.model_validate_json(file.read_text()).run()
        except Exception as error:
            with contextlib.suppress(FileExistsError), file.with_name("reason.txt").open("x") as reason:
                reason.write(str(error))
            raise
