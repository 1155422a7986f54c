"""How each network of a run is made: baseline, fold teachers, student."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from common.artifacts import ALPHAS_FILE, CONSTANTS_FILE, HISTORY_FILE, LEARNING, TRAIN, TUNING
from models.data.dataset import Videos, dense_matrix, open_clips, prepare_videos, read_catalogue
from models.data.tensors import Batch, Losses
from models.data.text import learn_tokenizer, load_tokenizer
from models.distillation.losses import supervised_loss
from models.distillation.methods import TeacherInput
from models.distillation.settings import DistillationSettings
from models.distillation.soft_targets import SoftTargets
from models.networks.dfxvlm import DFXVLMConfig, DFXVLMForClassification
from models.networks.xvlm import XVLMConfig, XVLMForClassification
from models.starts.pretraining import XVLMForPretraining
from models.starts.weights import open_start, start_from
from models.training.checkpoints import History, Keeper
from models.training.devices import rank, seed_everything
from models.training.loop import TrainingError, fit, inverse_frequency
from models.training.settings import Recipe, TrainingSettings

Teacher = XVLMForClassification | DFXVLMForClassification


@dataclass(frozen=True)
class RunData:
    """What every training of a run starts from: the same rows, the same tokens."""

    frame: pd.DataFrame
    videos: Videos
    tokenizer: PreTrainedTokenizerFast

    def rows(self, *splits: str) -> Videos:
        return self.videos.select(np.flatnonzero(self.frame.split.isin(splits)))


def open_run(catalogue: Path, clips: Path, settings: Recipe) -> RunData:
    """Open a run's rows. A vocabulary is learned from training and unlabelled rows alone."""
    store = open_clips(clips, settings)
    frame = read_catalogue(catalogue, store)
    tokenizer = run_tokenizer(frame, settings)
    videos = prepare_videos(frame, store, tokenizer, settings)
    return RunData(frame, videos, tokenizer)


def run_tokenizer(frame: pd.DataFrame, settings: Recipe) -> PreTrainedTokenizerFast:
    """The tokenizer that the settings name, that of the start weights, or one learned from the rows of LEARNING."""
    if settings.text.tokenizer is not None:
        return load_tokenizer(settings.text.tokenizer)
    if settings.network.start is not None:
        return load_tokenizer(settings.network.start)
    known = frame[frame.split.isin(LEARNING)]
    return learn_tokenizer([*known.title, *known.overlay_text], settings.text)


def new_student(data: RunData, settings: Recipe, seed: int) -> XVLMForClassification:
    """An X-VLM whose start weights depend on settings and seed alone: baseline and student start alike."""
    return _new_network(XVLMForClassification, XVLMConfig, data, settings, seed)


def _new_network(network: Any, config: Any, data: RunData, settings: Recipe, seed: int, **kwargs: Any) -> Any:
    """A network with the seed's weights, over which go those of the start that the settings name."""
    seed_everything(seed)
    if settings.network.start is None:
        return network(config.from_settings(settings, data.tokenizer, **kwargs))
    start, state = open_start(Path(settings.network.start))
    model = network(config.from_settings(settings, data.tokenizer, start, **kwargs))
    report = start_from(model, state)
    _say(f"starts from {settings.network.start}: {report.describe()}")
    model.started_parts = frozenset(report.loaded)
    return model


def _class_weights(videos: Videos, settings: Recipe) -> Tensor | None:
    if not settings.training.class_weights:
        return None
    return inverse_frequency(videos.labels, len(settings.classes))


def _label_loss(weights: Tensor | None) -> Callable[[Tensor, Batch], Losses]:
    return lambda logits, batch: supervised_loss(logits, batch["labels"], weights)


def _for_epochs(training: TrainingSettings, epochs: int | None) -> TrainingSettings:
    return training if epochs is None else training.model_copy(update={"epochs": epochs})


def train_baseline(
    data: RunData, settings: Recipe, seed: int, keeper: Keeper | None = None
) -> tuple[XVLMForClassification, History]:
    """X-VLM on labels alone."""
    model = new_student(data, settings, seed)
    train = data.rows(TRAIN)
    loss = _label_loss(_class_weights(train, settings))
    history = fit(model, train, loss, settings.training, seed, validation=data.rows(TUNING), keeper=keeper)
    return model, history


def train_teachers(
    data: RunData, features: Path, settings: Recipe, seed: int, keeper: Keeper | None = None
) -> dict[str, tuple[Teacher, History]]:
    """The fold teachers, by name: each was trained on the training rows outside its fold.

    With one fold there is one fold's teacher, trained on all. ``distillation.repeats`` trains as many a fold,
    which differ in their seed. What they see is the method's affair.
    """
    distillation = settings.distillation
    dense, names = dense_matrix(features, data.videos.video_ids)
    videos = data.videos.with_extras(dense=torch.from_numpy(dense))
    tuning = np.flatnonzero(data.frame.split == TUNING)
    training = _for_epochs(settings.training, distillation.teacher_epochs)
    sees = distillation.method.teacher or "raw and dense"
    teachers: dict[str, tuple[Teacher, History]] = {}
    for fold in range(distillation.folds):
        rows = fold_rows(data, fold, settings)
        chosen = videos.select(rows)
        for repeat in range(distillation.repeats):
            name = teacher_name(fold, repeat)
            _say(f"teacher {name} of {distillation.folds} folds, sees {sees}")
            own_seed = seed + fold + 1_000 * repeat
            model = new_teacher(data, settings, names, sees, own_seed)
            if isinstance(model, DFXVLMForClassification):
                model.scaler.fit(dense[rows])
            loss = _label_loss(_class_weights(chosen, settings))
            kept = None if keeper is None else keeper.child(name)
            history = fit(model, chosen, loss, training, own_seed, validation=videos.select(tuning), keeper=kept)
            teachers[name] = (model.cpu(), history)  # the device holds one teacher at a time
    return teachers


def teacher_name(fold: int, repeat: int) -> str:
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


def new_teacher(data: RunData, settings: Recipe, dense_features: list[str], sees: TeacherInput, seed: int) -> Teacher:
    """A teacher's network before its training, by what it sees."""
    if sees == "raw":
        return new_student(data, settings, seed)
    return _new_network(
        DFXVLMForClassification, DFXVLMConfig, data, settings, seed,
        dense_features=dense_features, dense_widths=list(settings.network.dense_widths),
        dense_dropout=settings.network.dropout, dense_absence=settings.distillation.dense_absence,
        reads_raw=sees == "raw and dense",
    )  # fmt: skip


@dataclass(frozen=True)
class Trust:
    """How far a student trusted the teacher on each video that it learned from.

    ``alphas`` (N,) and ``losses`` (N,), the teacher's in nats, NaN without a label; ``constants`` are those of the
    method, with alpha's mean on labelled rows.
    """

    video_ids: list[str]
    alphas: np.ndarray
    losses: np.ndarray
    constants: dict[str, float]

    def write(self, folder: Path) -> None:
        """Beside the student's weights: alphas.parquet (a loss that is not known is null) and distillation.json."""
        loss = pa.array(self.losses, mask=np.isnan(self.losses))
        table = pa.table({"video_id": self.video_ids, "alpha": self.alphas, "teacher_loss": loss})
        pq.write_table(table, folder / ALPHAS_FILE)
        (folder / CONSTANTS_FILE).write_text(json.dumps(self.constants, indent=1))


def distill_student(
    data: RunData, soft_targets: SoftTargets, settings: Recipe, seed: int, keeper: Keeper | None = None
) -> tuple[XVLMForClassification, History, Trust]:
    """X-VLM on labels and stored soft targets: no teacher is run, no dense feature is read.

    Returns:
        the student, its history, and how far it trusted the teacher.
    """
    distillation = settings.distillation
    method = distillation.method
    unlabelled = distillation.unlabelled and method.teacher is not None
    videos = data.rows(*LEARNING) if unlabelled else data.rows(TRAIN)
    soft_targets = distillation.learned(soft_targets)
    alphas, constants = method.alphas(soft_targets)
    constants = {**constants, "mean_alpha": float(alphas[soft_targets.labelled].mean())}
    by_id = dict(zip(soft_targets.video_ids, alphas, strict=True))
    learned = soft_targets.select(videos.video_ids)
    trust = Trust(
        learned.video_ids, np.array([by_id[video_id] for video_id in learned.video_ids]), learned.loss, constants
    )
    videos = videos.with_extras(
        teacher_logits=torch.from_numpy(learned.logits), alpha=torch.from_numpy(trust.alphas.astype(np.float32))
    )
    model = new_student(data, settings, seed)
    dressed = method.network(model, model.config.text["hidden_size"], len(settings.classes))
    loss = partial(method.loss, class_weights=_class_weights(videos, settings))
    training = _for_epochs(settings.training, distillation.student_epochs)
    history = fit(dressed, videos, loss, training, seed, validation=data.rows(TUNING), keeper=keeper)
    return model, history, trust


def train_student(
    data: RunData, soft_targets: SoftTargets, settings: Recipe, seed: int, folder: Path, keeper: Keeper
) -> None:
    """Distil the student into ``folder``, with its alphas and the constants behind them."""
    model, history, trust = distill_student(data, soft_targets, settings, seed, keeper)
    save_network(model, data.tokenizer, history, folder)
    if rank() == 0:
        trust.write(folder)


def pretrain(
    data: RunData, settings: Recipe, seed: int, keeper: Keeper | None = None
) -> tuple[XVLMForPretraining, History]:
    """X-VLM on all rows of LEARNING without their labels, from the settings' own start if they name one."""
    seed_everything(seed)
    start, state = (None, {}) if settings.network.start is None else open_start(Path(settings.network.start))
    config = XVLMConfig.from_settings(settings, data.tokenizer, start)
    model = XVLMForPretraining.for_tokenizer(config, data.tokenizer)
    if start is not None:
        _say(f"goes on from {settings.network.start}: {start_from(model, state).describe()}")
    return model, fit(model, data.rows(*LEARNING), lambda losses, _: losses, settings.training, seed, keeper=keeper)


def save_network(model: Any, tokenizer: PreTrainedTokenizerFast, history: History, folder: Path) -> None:
    """Weights as safetensors; config, tokenizer and learning curve as JSON. The first of several processes writes."""
    if rank() != 0:
        return
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / HISTORY_FILE).write_text(json.dumps(history, indent=1))


def _say(line: str) -> None:
    if rank() == 0:
        print(line, flush=True)
