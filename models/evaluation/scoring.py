"""What trained networks say of which rows: soft targets for the student, scores for the judges."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import PreTrainedTokenizerFast

from common.artifacts import CATALOGUE_COLUMNS, EVALUATION, JUDGING, LEARNING, SLICE, TRAIN, TUNING
from models.data.dataset import Clips, Videos, open_clips, prepare_videos, read_catalogue
from models.data.dense import dense_matrix
from models.data.run_data import RunData
from models.distillation.boosted import BoostedTeacher
from models.distillation.soft_targets import SoftTargets
from models.evaluation.slices import slices_of
from models.networks.dfxvlm import DFXVLMConfig, DFXVLMForClassification
from models.networks.xvlm import XVLMForClassification
from models.training.devices import log
from models.training.new_networks import Teacher
from models.training.prediction import predict_logits
from models.training.settings import Recipe

NOBODYS = -1  # the fold of a row on which no teacher trained


def load_teacher(folder: Path) -> Teacher:
    """A teacher from its folder, whatever it sees."""
    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    teacher = DFXVLMForClassification if model_type == DFXVLMConfig.model_type else XVLMForClassification
    return teacher.from_pretrained(folder)


@dataclass(frozen=True)
class Scored:
    """What teachers said: soft targets of training and unlabelled rows, and scores of judging rows (video_id, logits).

    ``boosted`` are the boosted teachers of the folds, if there are any, and ``raw`` (N, C) what their networks said of
    the same rows, NaN of others.
    """

    targets: SoftTargets
    judged: pa.Table
    boosted: list[BoostedTeacher]
    raw: np.ndarray


def score_teachers(
    teachers: list[Teacher], data: RunData, features: Path, settings: Recipe
) -> tuple[SoftTargets, pa.Table]:
    """The ``targets`` and the ``judged`` rows of ``scored_by``."""
    scored = scored_by(teachers, data, features, settings)
    return scored.targets, scored.judged


def scored_by(teachers: list[Teacher], data: RunData, features: Path, settings: Recipe) -> Scored:
    """The teacher logits of each video that a student learns from or is judged on: training rows out of fold, all
    others by the mean of the teachers.

    Args:
        teachers: fold by fold, ``distillation.repeats`` each.
    """
    folds = settings.distillation.folds
    dense, _ = dense_matrix(features, data.videos.video_ids)
    videos = data.videos.with_extras(dense=torch.from_numpy(dense))
    fold = np.where(data.frame.split == TRAIN, data.frame.fold, NOBODYS)
    judging = data.frame.split.isin(JUDGING).to_numpy()
    splits = LEARNING if settings.distillation.unlabelled else (TRAIN,)
    learning = data.frame.split.isin(splits).to_numpy()
    asked = judging | learning
    logits = teacher_logits(teachers, videos, fold, asked, settings)
    by_fold, combined = combine_teachers(torch.from_numpy(logits), folds)
    raw = values = out_of_fold(by_fold.numpy(), combined.numpy(), fold)
    stages: list[BoostedTeacher] = []
    if settings.distillation.boosted:
        stages = boosted_teachers(dense, raw, videos.labels.numpy(), fold, settings)
        own = np.full((folds, *raw.shape), np.nan, raw.dtype)
        own[:, asked] = [stage.log_probabilities(dense[asked], raw[asked]) for stage in stages]
        by_fold, combined = combine_teachers(torch.from_numpy(own), folds)
        values = out_of_fold(by_fold.numpy(), combined.numpy(), fold)
    honest = fold if folds > 1 else np.full(len(fold), NOBODYS)
    targets = SoftTargets(videos.video_ids, values, videos.labels.numpy(), honest)
    judged = pa.table({"video_id": videos.video_ids, "logits": values.tolist()}).filter(pa.array(judging))
    learned = [video_id for video_id, learns in zip(videos.video_ids, learning, strict=True) if learns]
    return Scored(targets.select(learned), judged, stages, raw)


def teacher_logits(
    teachers: list[Teacher], videos: Videos, fold: np.ndarray, asked: np.ndarray, settings: Recipe
) -> np.ndarray:
    """(teachers, N, C): what each says of the rows that are ``asked`` for (N,), of training rows those of its own fold.

    NaN elsewhere. ``fold`` (N,) is NOBODYS where no teacher trained.
    """
    folds, training = settings.distillation.folds, settings.training
    said = np.full((len(teachers), len(videos), len(settings.classes)), np.nan, np.float32)
    for number, teacher in enumerate(teachers):
        own = number // settings.distillation.repeats
        rows = np.flatnonzero(asked & ((fold == NOBODYS) | (fold == own) | (folds == 1)))
        said[number, rows] = predict_logits(teacher, videos.select(rows), training.batch_size, training.workers)
        teacher.cpu()  # the device holds one teacher at a time
        log(f"teacher {number + 1} of {len(teachers)} has scored {len(rows)} videos")
    return said


def out_of_fold(by_fold: np.ndarray, combined: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """(N, C): of a training row what its ``fold``'s teachers say (folds, N, C), of others the ``combined`` (N, C)."""
    rows = np.flatnonzero(fold != NOBODYS) if len(by_fold) > 1 else np.empty(0, np.int64)
    values = combined.copy()
    values[rows] = by_fold[fold[rows], rows]
    return values


def boosted_teachers(
    dense: np.ndarray, raw: np.ndarray, labels: np.ndarray, fold: np.ndarray, settings: Recipe
) -> list[BoostedTeacher]:
    """The boosted teacher of each fold, fitted to the training rows outside it.

    What a network said of those rows (``raw``) is out of fold. That network trained on rows of this fold, as stacking
    has it (Wolpert 1992): it is the only way in which a row's own label has a part in its soft target.
    """
    folds = settings.distillation.folds
    teachers = []
    for own in range(folds):
        rows = np.flatnonzero((fold != NOBODYS) & (fold != own) if folds > 1 else fold != NOBODYS)
        teacher = BoostedTeacher(own, settings.training.class_weights)
        teachers.append(teacher.fit(dense[rows], raw[rows], labels[rows]))
    return teachers


def combine_teachers(logits: torch.Tensor, folds: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logarithms of the mean probability of each fold's teachers (folds, N, C), and of all folds (N, C).

    ``logits`` (folds x repeats, N, C) stand fold by fold. Rows that no teacher trained on are judged by the second.
    """
    by_fold = _mean_probability(logits.log_softmax(dim=2).unflatten(0, (folds, -1)), 1)
    return by_fold, _mean_probability(by_fold, 0)


def _mean_probability(log_probabilities: torch.Tensor, dim: int) -> torch.Tensor:
    """The logarithm of the mean probability over ``dim``."""
    return log_probabilities.logsumexp(dim) - np.log(log_probabilities.shape[dim])


@dataclass(frozen=True)
class Judged:
    """The judging rows with every model's class probabilities (N, C); ``evaluation`` is False on tuning rows.

    ``groups`` (N,) names the group of each row, which is the video itself where no group is known; ``slices`` (N,) say
    to which part it belongs, by what they are cut by.
    """

    video_ids: list[str]
    labels: np.ndarray
    evaluation: np.ndarray
    groups: np.ndarray
    slices: dict[str, np.ndarray]
    probabilities: dict[str, np.ndarray]

    def of_others(self, scores: pa.Table) -> dict[str, np.ndarray]:
        """Probabilities (N, C) of these rows by name, from a table of ``video_id`` and a column a model."""
        table = scores.to_pandas().set_index("video_id").loc[self.video_ids]
        return {str(name): np.stack(values.to_numpy()) for name, values in table.items()}

    def table(self, others: Mapping[str, np.ndarray]) -> pa.Table:
        """All that the gate and the page read of these rows, with a column a model, ``others`` included."""
        scores = {name: values.tolist() for name, values in {**self.probabilities, **others}.items()}
        split = np.where(self.evaluation, EVALUATION, TUNING)
        rows = {"video_id": self.video_ids, "label": self.labels, "split": split, "group_id": self.groups}
        return pa.table({**rows, **{SLICE + by: names for by, names in self.slices.items()}, **scores})


def read_judging_rows(catalogue: Path, clips: Clips | None) -> pd.DataFrame:
    """All columns of the catalogue's tuning and evaluation rows; if there are clips, of those that have one."""
    frame = read_catalogue(catalogue, clips, CATALOGUE_COLUMNS)
    return frame[frame.split.isin(JUDGING)].reset_index(drop=True)


def score_judging_rows(
    catalogue: Path, clips: Path, networks: dict[str, Path], teacher_scores: Path, settings: Recipe
) -> Judged:
    """Score the saved networks on tuning and evaluation rows; the teacher's scores are read, not made."""
    store, training = open_clips(clips, settings), settings.training
    frame = read_judging_rows(catalogue, store)
    probabilities = {}
    for name, folder in networks.items():
        model = XVLMForClassification.from_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        videos = prepare_videos(frame, store, tokenizer, settings)
        probabilities[name] = softmax(predict_logits(model, videos, training.batch_size, training.workers))
    teacher = pq.read_table(teacher_scores).to_pandas().set_index("video_id").logits.reindex(frame.video_id)
    probabilities["teacher"] = softmax(np.stack(teacher.to_numpy()))
    return Judged(
        video_ids=list(frame.video_id),
        labels=videos.labels.numpy(),
        evaluation=(frame.split == EVALUATION).to_numpy(),
        groups=frame.group_id.fillna(frame.video_id).to_numpy(),
        slices=slices_of(frame),
        probabilities=probabilities,
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Class probabilities (N, C) of logits."""
    return torch.from_numpy(np.asarray(logits, np.float32)).softmax(1).numpy()
