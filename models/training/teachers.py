"""The out-of-fold teachers: each is trained on the training rows outside its fold."""

from pathlib import Path

import numpy as np
import torch

from common.artifacts import TRAIN, TUNING
from models.data.dense import dense_matrix
from models.data.run_data import RunData
from models.distillation.settings import DistillationSettings
from models.networks.dfxvlm import DFXVLMForClassification
from models.training.checkpoints import CheckpointFolder, History
from models.training.devices import log
from models.training.loop import TrainingError, fit
from models.training.new_networks import Teacher, new_teacher, with_wide_path
from models.training.objective import for_epochs, label_objective
from models.training.settings import Recipe

# A repeat's seeds lie so far from a fold's that no two teachers of a run share one: there are at most 20 folds.
BETWEEN_REPEATS = 1_000


def train_teachers(
    data: RunData, features: Path, settings: Recipe, seed: int, checkpoints: CheckpointFolder | None = None
) -> dict[str, tuple[Teacher, History]]:
    """The fold teachers, by name: each was trained on the training rows outside its fold.

    With one fold there is one fold's teacher, trained on all. ``distillation.repeats`` trains as many a fold,
    which differ in their seed. What they see is the method's affair; those of a boosted teacher see raw input, and the
    rest of that teacher is fitted where it scores (evaluation/scoring.py).
    """
    distillation = settings.distillation
    dense, names = dense_matrix(features, data.videos.video_ids)
    videos = data.videos.with_extras(dense=torch.from_numpy(dense))
    tuning = np.flatnonzero(data.frame.split == TUNING)
    training = for_epochs(settings.training, distillation.teacher_epochs)
    sees = "raw" if distillation.boosted else distillation.method.teacher or "raw and dense"
    teachers: dict[str, tuple[Teacher, History]] = {}
    for fold in range(distillation.folds):
        outside = fold_rows(data, fold, settings)
        chosen = videos.select(outside)
        for repeat in range(distillation.repeats):
            name = teacher_name(fold, repeat)
            log(f"teacher {name} of {distillation.folds} folds, sees {sees}")
            own_seed = seed + fold + BETWEEN_REPEATS * repeat
            model = new_teacher(data, settings, names, sees, own_seed)
            if isinstance(model, DFXVLMForClassification):
                model.scaler.fit(dense[outside])
            loss = label_objective(chosen, settings)
            kept = None if checkpoints is None else checkpoints.child(name)
            rows, validation = with_wide_path(model, settings, loss, chosen, videos.select(tuning))
            history = fit(model, rows, loss, training, own_seed, validation=validation, checkpoints=kept)
            teachers[name] = (model.cpu(), history)  # the device holds one teacher at a time
    return teachers


def teacher_name(fold: int, repeat: int) -> str:
    """The name, and so the folder, of a fold's teacher; ``repeat`` is 0 for its first teacher."""
    return f"fold-{fold}" if repeat == 0 else f"fold-{fold}-again-{repeat}"


def teacher_names(distillation: DistillationSettings) -> list[str]:
    """The names of a run's teachers, fold by fold."""
    return [teacher_name(f, r) for f in range(distillation.folds) for r in range(distillation.repeats)]


def fold_rows(data: RunData, fold: int, settings: Recipe) -> np.ndarray:
    """The training rows outside ``fold``, or all if there is one fold. Raises TrainingError if a class is missing."""
    train = (data.frame.split == TRAIN).to_numpy()
    folds = settings.distillation.folds
    rows = np.flatnonzero(train & (data.frame.fold != fold).to_numpy() if folds > 1 else train)
    missing = set(range(len(settings.classes))) - set(data.videos.labels[rows].tolist())
    if missing:
        listed = ", ".join(settings.classes[index] for index in sorted(missing))
        raise TrainingError(f"no training row outside fold {fold} has the class {listed}: use fewer folds")
    return rows
