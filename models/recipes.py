"""How each network of a run is made: baseline, fold teachers, soft targets, student."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from models.dataset import (
    Batch,
    SoftTargets,
    Videos,
    dense_matrix,
    open_clips,
    prepare_videos,
    read_catalogue,
)
from models.dfxvlm import DFXVLMConfig, DFXVLMForClassification
from models.distillation import alpha_tensor, sample_alphas, student_loss
from models.losses import Losses, supervised_loss
from models.settings import StudentSettings
from models.text import learn_tokenizer, load_tokenizer
from models.training import (
    History,
    TrainingError,
    fit,
    inverse_frequency,
    predict_logits,
    seed_everything,
)
from models.xvlm import XVLMConfig, XVLMForClassification

JUDGING = ("threshold", "evaluation")
LEARNING = ("train", "unlabelled")


@dataclass(frozen=True)
class RunData:
    """What every training of a run starts from: the same rows, the same tokens."""

    frame: pd.DataFrame
    videos: Videos
    tokenizer: PreTrainedTokenizerFast

    def rows(self, *splits: str) -> Videos:
        return self.videos.select(np.flatnonzero(self.frame.split.isin(splits)))


def open_run(catalogue: Path, clips: Path, settings: StudentSettings) -> RunData:
    """Open a run's rows. The vocabulary comes from training and unlabelled rows alone."""
    store = open_clips(clips, settings)
    frame = read_catalogue(catalogue, store)
    tokenizer = run_tokenizer(frame, settings)
    videos = prepare_videos(frame, store, tokenizer, settings)
    return RunData(frame, videos, tokenizer)


def run_tokenizer(frame: pd.DataFrame, settings: StudentSettings) -> PreTrainedTokenizerFast:
    """The tokenizer that the settings name, or one learned from the training and unlabelled rows."""
    if settings.text.tokenizer is not None:
        return load_tokenizer(settings.text.tokenizer)
    known = frame[frame.split.isin(LEARNING)]
    return learn_tokenizer([*known.title, *known.overlay_text], settings.text)


def new_student(data: RunData, settings: StudentSettings, seed: int) -> XVLMForClassification:
    """An X-VLM whose start weights depend on settings and seed alone: baseline and student start alike."""
    seed_everything(seed)
    return XVLMForClassification(XVLMConfig.from_settings(settings, data.tokenizer))


def _class_weights(videos: Videos, settings: StudentSettings) -> Tensor | None:
    if not settings.training.class_weights:
        return None
    return inverse_frequency(videos.labels, len(settings.classes))


def _label_loss(weights: Tensor | None) -> Callable[[Tensor, Batch], Losses]:
    return lambda logits, batch: supervised_loss(logits, batch["labels"], weights)


def train_baseline(data: RunData, settings: StudentSettings, seed: int) -> tuple[XVLMForClassification, History]:
    """X-VLM on labels alone."""
    model = new_student(data, settings, seed)
    train = data.rows("train")
    loss = _label_loss(_class_weights(train, settings))
    return model, fit(model, train, loss, settings.training, seed)


def train_teachers(
    data: RunData, features: Path, settings: StudentSettings, seed: int
) -> list[tuple[DFXVLMForClassification, History]]:
    """One DF-X-VLM a fold, each trained on the training rows outside its fold; one on all if folds = 1."""
    dense, names = dense_matrix(features, data.videos.video_ids)
    videos = data.videos.with_extras(dense=torch.from_numpy(dense))
    folds = settings.distillation.folds
    epochs = settings.distillation.teacher_epochs or settings.training.epochs
    training = settings.training.model_copy(update={"epochs": epochs})
    train = (data.frame.split == "train").to_numpy()
    teachers = []
    for fold in range(folds):
        print(f"teacher {fold + 1} of {folds}" + (": in-sample soft targets" if folds == 1 else ""), flush=True)
        rows = np.flatnonzero(train & (data.frame.fold != fold).to_numpy() if folds > 1 else train)
        missing = set(range(len(settings.classes))) - set(videos.labels[rows].tolist())
        if missing:
            names_missing = ", ".join(settings.classes[index] for index in sorted(missing))
            raise TrainingError(f"no training row outside fold {fold} has the class {names_missing}: use fewer folds")
        seed_everything(seed + fold)
        model = DFXVLMForClassification(
            DFXVLMConfig.from_settings(
                settings, data.tokenizer, dense_features=names,
                dense_widths=list(settings.network.dense_widths), dense_dropout=settings.network.dropout,
            )
        )  # fmt: skip
        model.scaler.fit(dense[rows])
        chosen = videos.select(rows)
        loss = _label_loss(_class_weights(chosen, settings))
        teachers.append((model, fit(model, chosen, loss, training, seed + fold)))
    return teachers


def score_teachers(
    teachers: list[DFXVLMForClassification], data: RunData, features: Path, settings: StudentSettings
) -> tuple[pa.Table, pa.Table]:
    """Every video's teacher logits: training rows out of fold, all others by the mean of the teachers.

    Returns:
        soft targets of training and unlabelled rows (video_id, logits, loss, fold), and the teacher's
        scores of the judging rows (video_id, logits). ``loss`` is NaN without a label.
    """
    dense, _ = dense_matrix(features, data.videos.video_ids)
    videos = data.videos.with_extras(dense=torch.from_numpy(dense))
    logits = np.stack([predict_logits(teacher, videos, settings.training.batch_size) for teacher in teachers])
    scores = torch.from_numpy(logits).log_softmax(dim=2)
    combined = scores.logsumexp(dim=0) - np.log(len(teachers))  # the log of the mean probability
    fold = data.frame.fold.to_numpy()
    train = (data.frame.split == "train").to_numpy()
    if len(teachers) > 1:
        for row in np.flatnonzero(train):
            combined[row] = scores[fold[row], row]
    labels = videos.labels.clamp(min=0)[:, None]
    loss = -combined.gather(1, labels)[:, 0].numpy()
    loss[videos.labels.numpy() < 0] = np.nan
    judging, learning = (data.frame.split.isin(splits).to_numpy() for splits in (JUDGING, LEARNING))
    table = pa.table({"video_id": videos.video_ids, "logits": combined.numpy().tolist(), "loss": loss, "fold": fold})
    return table.filter(pa.array(learning)), table.filter(pa.array(judging)).select(["video_id", "logits"])


def distill_student(
    data: RunData, soft_targets: SoftTargets, settings: StudentSettings, seed: int
) -> tuple[XVLMForClassification, History, dict[str, float]]:
    """X-VLM on labels and stored soft targets: no teacher is run, no dense feature is read.

    Returns:
        the student, its history, and the constants of the method with alpha's mean on labelled rows.
    """
    distillation = settings.distillation
    videos = data.rows(*LEARNING) if distillation.unlabelled else data.rows("train")
    position = {video_id: row for row, video_id in enumerate(soft_targets.video_ids)}
    rows = [position[video_id] for video_id in videos.video_ids]
    alphas, constants = sample_alphas(soft_targets, distillation)
    labelled = ~np.isnan(soft_targets.loss)
    constants = {**constants, "mean_alpha": float(alphas[labelled].mean())}
    videos = videos.with_extras(
        teacher_logits=torch.from_numpy(soft_targets.logits[rows]), alpha=alpha_tensor(alphas[rows])
    )
    model = new_student(data, settings, seed)
    loss = student_loss(distillation, _class_weights(videos, settings))
    return model, fit(model, videos, loss, settings.training, seed), constants


def save_network(
    model: XVLMForClassification | DFXVLMForClassification,
    tokenizer: PreTrainedTokenizerFast,
    history: History,
    folder: Path,
) -> None:
    """Weights as safetensors; config, tokenizer and learning curve as JSON."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "history.json").write_text(json.dumps(history, indent=1))


@dataclass(frozen=True)
class Judged:
    """The judging rows with every model's class probabilities (N, C); ``evaluation`` is False on threshold rows."""

    video_ids: list[str]
    labels: np.ndarray
    evaluation: np.ndarray
    probabilities: dict[str, np.ndarray]

    def table(self) -> pa.Table:
        columns = {name: values.tolist() for name, values in self.probabilities.items()}
        split = np.where(self.evaluation, "evaluation", "threshold")
        return pa.table({"video_id": self.video_ids, "label": self.labels, "split": split, **columns})


def score_judging_rows(
    catalogue: Path, clips: Path, networks: dict[str, Path], teacher_scores: Path, settings: StudentSettings
) -> Judged:
    """Score the saved networks on threshold and evaluation rows; the teacher's scores are read, not made."""
    store = open_clips(clips, settings)
    frame = read_catalogue(catalogue, store)
    frame = frame[frame.split.isin(JUDGING)].reset_index(drop=True)
    probabilities = {}
    for name, folder in networks.items():
        model = XVLMForClassification.from_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        videos = prepare_videos(frame, store, tokenizer, settings)
        probabilities[name] = _softmax(predict_logits(model, videos, settings.training.batch_size))
    teacher = pq.read_table(teacher_scores).to_pandas().set_index("video_id").logits.reindex(frame.video_id)
    probabilities["teacher"] = _softmax(np.stack(teacher.to_numpy()))
    evaluation = (frame.split == "evaluation").to_numpy()
    return Judged(list(frame.video_id), videos.labels.numpy(), evaluation, probabilities)


def _softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(np.asarray(logits, np.float32)).softmax(1).numpy()
