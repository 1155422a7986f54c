"""A study: many students over the same rows and the same soft targets, which differ in one thing each."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from models.dataset import Videos
from models.distillation import METHODS
from models.recipes import LEARNING, RunData, distill_student, train_baseline, train_teachers
from models.scoring import JUDGING, score_teachers, softmax
from models.settings import StudentSettings
from models.soft_targets import SoftTargets
from models.training import predict_logits


class Variant(BaseModel, frozen=True, extra="forbid"):
    """One kind of student. ``changes`` are against the task's distillation settings; None is labels alone.

    ``epochs`` replaces the task's, for a baseline of as many steps as the student takes.
    """

    name: str
    changes: dict[str, Any] | None = None
    epochs: int | None = None

    def settings(self, settings: StudentSettings) -> StudentSettings:
        training = settings.training if self.epochs is None else _changed(settings.training, {"epochs": self.epochs})
        distillation = settings.distillation if not self.changes else _changed(settings.distillation, self.changes)
        return settings.model_copy(update={"training": training, "distillation": distillation})


def _changed(settings: BaseModel, changes: dict[str, Any]) -> Any:
    """With ``changes``, checked as if they had been written in the task file."""
    return type(settings).model_validate({**settings.model_dump(), **changes})


def thin_labels(data: RunData, share: float, folds: int, seed: int) -> RunData:
    """``data`` with labels on that share of the training rows only; the others count as unlabelled.

    A draw by class, so that a rare class keeps its share; each class keeps at least one row a fold.
    """
    if share == 1:
        return data
    generator = np.random.default_rng(seed)
    frame, labels = data.frame.copy(), data.videos.labels.clone()
    train = (frame.split == "train").to_numpy()
    for label in np.unique(labels[train]):
        rows = generator.permutation(np.flatnonzero(train & (labels.numpy() == label)))
        dropped = rows[max(folds, round(share * len(rows))) :]
        frame.loc[dropped, ["split", "fold", "label"]] = ["unlabelled", -1, None]
        labels[dropped] = -1
    return replace(data, frame=frame, videos=replace(data.videos, labels=labels))


def make_soft_targets(
    data: RunData, features: Path, settings: StudentSettings, seed: int
) -> tuple[SoftTargets, pd.DataFrame]:
    """Train the fold teachers of the settings' method and score every video.

    Returns:
        the soft targets, and the teacher's scores of the judging rows as ``score_rows`` gives them.
    """
    teachers = [teacher for teacher, _ in train_teachers(data, features, settings, seed).values()]
    targets, judged = score_teachers(teachers, data, features, settings)
    logits = np.array(judged["logits"].to_pylist(), np.float32)
    return targets, score_rows(data, logits, "teacher", seed)


def train_variant(
    data: RunData, soft_targets: SoftTargets, variant: Variant, settings: StudentSettings, seed: int
) -> pd.DataFrame:
    """Train the variant's student and score the judging rows."""
    own = variant.settings(settings)
    if variant.changes is None:
        model, _ = train_baseline(data, own, seed)
    else:
        model, _, _ = distill_student(data, soft_targets, own, seed)
    logits = predict_logits(model, data.rows(*JUDGING), own.training.batch_size)
    return score_rows(data, logits, variant.name, seed)


def score_rows(data: RunData, logits: np.ndarray, model: str, seed: int) -> pd.DataFrame:
    """Class probabilities of the judging rows: model, seed, video_id, split, label (its index), probabilities."""
    frame = data.frame[data.frame.split.isin(JUDGING)]
    videos: Videos = data.rows(*JUDGING)
    return pd.DataFrame(
        {
            "model": model,
            "seed": seed,
            "video_id": videos.video_ids,
            "split": frame.split.to_numpy(),
            "label": videos.labels.numpy(),
            "probabilities": list(softmax(logits)),
        }
    )


def step_matched_epochs(data: RunData, settings: StudentSettings) -> int | None:
    """Epochs of a baseline that takes as many steps as the student; None if as many epochs are as many steps."""
    distillation, training = settings.distillation, settings.training
    rows = {name: int(data.frame.split.isin(splits).sum()) for name, splits in (("own", ("train",)), ("all", LEARNING))}
    learned = rows["all"] if distillation.unlabelled and METHODS[distillation.method].teacher else rows["own"]
    steps = (distillation.student_epochs or training.epochs) * -(-learned // training.batch_size)
    epochs = round(steps / -(-rows["own"] // training.batch_size))
    return None if epochs == training.epochs else epochs


def concatenated(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(list(tables), ignore_index=True)
