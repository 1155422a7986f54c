"""The trainings of a run as data, which one process does, or several share (models/jobs/work.py)."""

import sys
import time
from pathlib import Path
from typing import ClassVar, Literal

from models.data.run_data import RunData
from models.distillation.soft_targets import SoftTargets
from models.jobs.work import Work, main
from models.starts.weights import save_start
from models.training.checkpoints import CheckpointFolder
from models.training.devices import rank
from models.training.loop import TrainingError
from models.training.new_networks import note_cost, save_network
from models.training.students import pretrain, train_baseline, train_student
from models.training.teachers import train_teachers

Kind = Literal["baseline", "teachers", "student", "pretraining"]


class Training(Work, frozen=True):
    """What to train. ``privileged`` is for teachers, ``soft_targets`` for students."""

    module: ClassVar[str] = "models.jobs.training"
    inputs: ClassVar[tuple[str, ...]] = (*Work.inputs, "privileged", "soft_targets")

    kind: Kind
    privileged: Path | None = None
    soft_targets: Path | None = None

    def name(self) -> str:
        return self.kind

    def do(self, data: RunData, checkpoints: CheckpointFolder) -> None:
        began = time.perf_counter()
        if self.kind == "baseline":
            model, history = train_baseline(data, self.recipe, self.seed, checkpoints)
            save_network(model, data.tokenizer, history, self.output)
            note_cost(model, time.perf_counter() - began, self.output)
        elif self.kind == "pretraining":
            start, _ = pretrain(data, self.recipe, self.seed, checkpoints)
            if rank() == 0:
                save_start(start, data.tokenizer, self.output)
        elif self.kind == "teachers":
            teachers = train_teachers(data, _given(self.privileged), self.recipe, self.seed, checkpoints)
            for name, (teacher, history) in teachers.items():
                save_network(teacher, data.tokenizer, history, self.output / name)
        else:
            targets = SoftTargets.read(_given(self.soft_targets))
            student = train_student(data, targets, self.recipe, self.seed, self.output, checkpoints)
            note_cost(student, time.perf_counter() - began, self.output)


def _given(path: Path | None) -> Path:
    if path is None:
        raise TrainingError("a job for teachers needs 'privileged', one for a student needs 'soft_targets'")
    return path


if __name__ == "__main__":
    main(Training, Path(sys.argv[1]))
