"""Settings judged on folds of the training rows: teachers once a held-out fold, a student a fold and trial."""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from common.digests import content_digest
from common.files import whole
from common.source import code_digest
from models.data.run_data import RunData, open_run
from models.distillation.soft_targets import SoftTargets
from models.evaluation.metrics import RANKINGS
from models.evaluation.scoring import score_teachers
from models.starts.named_files import named_files_digest
from models.studies.search_space import Tuned, search_space, tried
from models.studies.statistics import measure
from models.studies.study import Variant, train_variant
from models.studies.trials import open_storage, run_trials
from models.training.checkpoints import CheckpointFolder
from models.training.settings import Recipe
from models.training.teachers import train_teachers

# ROC-AUC, whatever judges the task: on the few hundred rows of a fold a measure at a threshold is mostly the luck of
# that threshold, and the best of many trials the luckiest (docs/methods.md 6.9 has what came of it).
JUDGED_BY = RANKINGS[0]
STUDENT = Variant(name="student", changes={})  # the student of the settings as they are


@dataclass(frozen=True)
class Ground:
    """What every trial stands on. ``windows`` are catalogues, a held-out fold each (corpus/held_out.py).

    In each, evaluation rows are the fold's, and none is a tuning or evaluation row of the run.
    """

    windows: Sequence[pd.DataFrame]
    clips: Path
    privileged: Path
    settings: Recipe
    seed: int

    def study(self, task: str) -> str:
        """The name of the study: the task and a digest of what its values are a function of, code included."""
        digest = hashlib.sha256(f"{self.seed} {self.settings.model_dump_json()}".encode())
        for window in self.windows:
            digest.update(pd.util.hash_pandas_object(window, index=False).to_numpy().tobytes())
        digest.update(content_digest(self.privileged).encode())
        digest.update(named_files_digest(self.settings).encode())
        digest.update(code_digest("models.studies.tuning").encode())
        return f"{task}-{digest.hexdigest()[:16]}"


@dataclass(frozen=True)
class Fold:
    """A held-out fold, ready for students: its rows, and what teachers that did not see it say of the others."""

    data: RunData
    soft_targets: SoftTargets

    def value(self, settings: Recipe, seed: int) -> float:
        """How well a student ranks the held-out rows (``JUDGED_BY``)."""
        scores = train_variant(self.data, self.soft_targets, STUDENT, settings, seed)
        return float(measure(scores, settings.judge)[JUDGED_BY.name].iloc[0])


def tune(ground: Ground, task: str, *, trials: int, storage: str, kept: Path | None) -> tuple[Tuned, pd.DataFrame]:
    """Search the settings of a task: ``trials`` trials, those of an earlier call included.

    Args:
        storage: the URL of a database, which keeps the trials.
        kept: a folder that keeps soft targets and the state of unfinished teachers, so that a tuning that goes on
            does not pay for them twice; None to keep nothing.

    Returns:
        what came of it, and a row a trial (``run_trials``).

    Raises:
        TuningError: the database cannot be opened.
        TrainingError: the task's own settings cannot be trained.
    """
    name = ground.study(task)
    database = open_storage(storage)
    with _folder(kept, name) as folder:
        folds = [_prepared(ground, number, folder / f"fold-{number}") for number in range(len(ground.windows))]

    def judge(chosen: dict[str, Any]) -> Iterator[float]:
        settings = tried(ground.settings, chosen)
        return (fold.value(settings, ground.seed) for fold in folds)

    return run_trials(
        judge, search_space(ground.settings),
        storage=database, name=name, folds=len(folds), trials=trials, seed=ground.seed,
        metric=JUDGED_BY.title, report=_say,
    )  # fmt: skip


def _prepared(ground: Ground, number: int, folder: Path) -> Fold:
    """A fold's rows and soft targets; these are computed unless ``folder`` has them."""
    folder.mkdir(parents=True, exist_ok=True)
    catalogue, soft_targets = folder / "catalogue.parquet", folder / "soft_targets.parquet"
    ground.windows[number].to_parquet(catalogue, index=False)
    data = open_run(catalogue, ground.clips, ground.settings)
    if not soft_targets.is_file():
        _say(f"teachers of held-out fold {number + 1} of {len(ground.windows)}")
        checkpoints = CheckpointFolder(folder / "teachers")
        trained = train_teachers(data, ground.privileged, ground.settings, ground.seed, checkpoints)
        teachers = [teacher for teacher, _ in trained.values()]
        targets, _ = score_teachers(teachers, data, ground.privileged, ground.settings)
        with whole(soft_targets) as partial:
            pq.write_table(targets.table(), partial)
        checkpoints.discard()
    return Fold(data, SoftTargets.read(soft_targets))


@contextmanager
def _folder(kept: Path | None, name: str) -> Iterator[Path]:
    """The study's own folder; a temporary one where nothing is kept."""
    if kept is not None:
        yield kept / name
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _say(line: str) -> None:
    print(line, flush=True)
