"""Scoring all rows with a run's teachers, which one process does, or several share (models/jobs/work.py)."""

import sys
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq

from models.data.dense import feature_views
from models.data.run_data import RunData
from models.evaluation.importance import feature_importance
from models.evaluation.scoring import load_teacher, scored_by
from models.jobs.work import Work, main
from models.training.checkpoints import CheckpointFolder
from models.training.devices import log, rank
from models.training.teachers import teacher_names

SOFT_TARGETS, TEACHER_SCORES, IMPORTANCE = "soft_targets.parquet", "teacher_scores.parquet", "importance.json"


class Scoring(Work, frozen=True):
    """Writes SOFT_TARGETS and TEACHER_SCORES, and of which features the teacher makes what: IMPORTANCE.

    ``seed`` is that of the shuffles.
    """

    module: ClassVar[str] = "models.jobs.scoring"
    inputs: ClassVar[tuple[str, ...]] = (*Work.inputs, "privileged", "teacher")

    privileged: Path
    teacher: Path

    def name(self) -> str:
        return "scores"

    def do(self, data: RunData, checkpoints: CheckpointFolder) -> None:  # noqa: ARG002 - one pass has no state
        features, settings = self.privileged, self.recipe
        teachers = [load_teacher(self.teacher / name) for name in teacher_names(settings.distillation)]
        scored = scored_by(teachers, data, features, settings)
        found = feature_importance(
            teachers, data, features, settings, self.seed, feature_views(features), scored=scored
        )
        log(found.sentence)
        if rank() == 0:
            self.output.mkdir(parents=True, exist_ok=True)
            pq.write_table(scored.targets.table(), self.output / SOFT_TARGETS)
            pq.write_table(scored.judged, self.output / TEACHER_SCORES)
            (self.output / IMPORTANCE).write_text(found.model_dump_json(indent=1))


if __name__ == "__main__":
    main(Scoring, Path(sys.argv[1]))
