"""Networks that read raw input alone: the baseline, the distilled student, and pre-training."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from common.artifacts import ALPHAS_FILE, CONSTANTS_FILE, LEARNING, TRAIN, TUNING, UNLABELLED
from models.data.dataset import Videos
from models.data.run_data import RunData
from models.distillation.settings import DistillationSettings
from models.distillation.soft_targets import SoftTargets, fitted_temperature
from models.networks.xvlm import XVLMConfig, XVLMForClassification
from models.starts.pretraining import XVLMForPretraining
from models.starts.weights import open_start, start_from
from models.training.checkpoints import CheckpointFolder, History
from models.training.devices import log, rank, seed_everything
from models.training.loop import fit
from models.training.new_networks import new_classifier, save_network, warn_of_size, with_wide_path
from models.training.objective import class_weights, for_epochs, label_objective
from models.training.prediction import predict_logits
from models.training.settings import Recipe


def train_baseline(
    data: RunData, settings: Recipe, seed: int, checkpoints: CheckpointFolder | None = None
) -> tuple[XVLMForClassification, History]:
    """X-VLM on labels alone."""
    model = new_classifier(data, settings, seed)
    train = data.rows(TRAIN)
    loss = label_objective(train, settings)
    train, tuning = with_wide_path(model, settings, loss, train, data.rows(TUNING))
    history = fit(model, train, loss, settings.training, seed, validation=tuning, checkpoints=checkpoints)
    set_temperature(model, tuning, settings)
    return model, history


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
    data: RunData, soft_targets: SoftTargets, settings: Recipe, seed: int, checkpoints: CheckpointFolder | None = None
) -> tuple[XVLMForClassification, History, Trust]:
    """X-VLM on labels and stored soft targets: no teacher is run, no dense feature is read.

    Returns:
        the student, its history, and how far it trusted the teacher.
    """
    distillation = settings.distillation
    method = distillation.method
    soft_targets = distillation.learned(soft_targets)
    videos = learned_videos(data, soft_targets, distillation, seed)
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
    model = new_classifier(data, settings, seed)
    network = method.network(model, model.config.text["hidden_size"], len(settings.classes))
    weights = class_weights(videos, settings)
    loss = partial(method.loss, class_weights=weights)
    wide_loss = partial(method.wide_loss, class_weights=weights)
    videos, tuning = with_wide_path(model, settings, wide_loss, videos, data.rows(TUNING))
    training = for_epochs(settings.training, distillation.student_epochs)
    history = fit(network, videos, loss, training, seed, validation=tuning, checkpoints=checkpoints)
    set_temperature(model, tuning, settings)
    return model, history, trust


def set_temperature(model: XVLMForClassification, tuning: Videos, settings: Recipe) -> None:
    """Have scores mean what they say, by one number that the tuning rows choose; the order of the scores stays.

    It is a part of the network's config, and goes wherever the weights go (Guo et al., ICML 2017).
    """
    logits = predict_logits(model, tuning, settings.training.batch_size, settings.training.workers)
    model.config.logit_temperature = fitted_temperature(logits, tuning.labels.numpy())


def learned_videos(data: RunData, targets: SoftTargets, distillation: DistillationSettings, seed: int) -> Videos:
    """The training videos, and the unlabelled ones that the settings ask for; these have a ``row_weight`` of their own.

    A method without a teacher has nothing to say of a video without a label.
    """
    own = distillation.unlabelled
    if own is None or distillation.method.teacher is None:
        return data.rows(TRAIN)
    unlabelled = np.flatnonzero(data.frame.split == UNLABELLED)
    order = np.random.default_rng(seed).permutation(unlabelled)
    if own.choice == "surest":
        said = targets.select([data.videos.video_ids[row] for row in unlabelled])
        order = unlabelled[np.argsort(-said.logits.max(1), kind="stable")]
    chosen = order[: own.count(len(unlabelled))]
    rows = np.sort(np.concatenate([np.flatnonzero(data.frame.split == TRAIN), chosen]))
    videos = data.videos.select(rows)
    weights = torch.where(videos.labels < 0, own.weight, 1.0)
    return videos if own.weight == 1 else videos.with_extras(row_weight=weights)


def train_student(
    data: RunData, soft_targets: SoftTargets, settings: Recipe, seed: int, folder: Path, checkpoints: CheckpointFolder
) -> XVLMForClassification:
    """Distil the student into ``folder``, with its alphas and the constants behind them."""
    model, history, trust = distill_student(data, soft_targets, settings, seed, checkpoints)
    save_network(model, data.tokenizer, history, folder)
    if rank() == 0:
        trust.write(folder)
    return model


def pretrain(
    data: RunData, settings: Recipe, seed: int, checkpoints: CheckpointFolder | None = None
) -> tuple[XVLMForPretraining, History]:
    """X-VLM on all rows of LEARNING without their labels, from the settings' own start if they name one."""
    seed_everything(seed)
    start, state = (None, {}) if settings.network.start is None else open_start(Path(settings.network.start))
    config = XVLMConfig.from_settings(settings, data.tokenizer, start)
    model = XVLMForPretraining.for_tokenizer(config, data.tokenizer)
    if start is None:
        warn_of_size(model, settings)
    else:
        log(f"starts from {settings.network.start}: {start_from(model, state).describe()}")
    return model, fit(
        model,
        replace(data.rows(*LEARNING), ngrams=None),
        lambda losses, _: losses,
        settings.training,
        seed,
        checkpoints=checkpoints,
    )
