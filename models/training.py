"""The training loop: one schedule for baseline, teacher and student; what differs is their loss and their rows."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import get_linear_schedule_with_warmup

from models.dataset import Batch, Videos
from models.losses import Losses
from models.settings import TrainingSettings

NETWORK_INPUTS = ("frames", "input_ids", "attention_mask", "dense")
History = list[dict[str, float]]
LossFunction = Callable[[Tensor, Batch], Losses]


class TrainingError(RuntimeError):
    """Training cannot go on; the message names the videos or the rows concerned."""


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seed_everything(seed: int) -> None:
    """Seed the weights' initialisation and dropout, and ask for deterministic kernels."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


def forward(model: nn.Module, batch: Batch) -> Tensor:
    """Logits of a batch: the network is given what it reads, and nothing else of the batch."""
    inputs = {name: batch[name] for name in NETWORK_INPUTS if name in batch}
    return model(**inputs)


def inverse_frequency(labels: Tensor, classes: int) -> Tensor:
    """Class weights (C,): rows / (classes x rows of the class); a class without rows gets 0."""
    counts = torch.bincount(labels[labels >= 0], minlength=classes).float()
    return torch.where(counts > 0, counts.sum() / (classes * counts.clamp(min=1)), 0.0)


def fit(
    model: nn.Module,
    videos: Videos,
    loss_function: LossFunction,
    settings: TrainingSettings,
    seed: int,
    report: Callable[[str], None] = print,
) -> History:
    """Train ``model`` in place on all ``videos``.

    Returns:
        The mean of every named loss term, an epoch a row, with the learning rate at its end.

    Raises:
        TrainingError: no rows, or a loss that is not finite (the message names the batch's videos).
    """
    if not len(videos):
        raise TrainingError("there are no videos to train on")
    target = device()
    model.to(target).train()
    generator = torch.Generator().manual_seed(seed)
    steps = settings.epochs * math.ceil(len(videos) / settings.batch_size)
    optimizer = torch.optim.AdamW(parameter_groups(model, settings), lr=settings.learning_rate)
    schedule = get_linear_schedule_with_warmup(optimizer, int(settings.warmup_share * steps), steps)
    history: History = []
    for epoch in range(1, settings.epochs + 1):
        totals: dict[str, float] = {}
        for rows, batch in videos.batches(settings.batch_size, generator):
            batch = {name: values.to(target) for name, values in batch.items()}
            losses = loss_function(forward(model, batch), batch)
            if not torch.isfinite(losses["loss"]):
                names = ", ".join(videos.video_ids[row] for row in rows.tolist()[:8])
                raise TrainingError(f"the loss is not finite in epoch {epoch}, on the videos {names}")
            optimizer.zero_grad(set_to_none=True)
            losses["loss"].backward()
            nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
            optimizer.step()
            schedule.step()
            for name, value in losses.items():
                totals[name] = totals.get(name, 0.0) + value.item() * len(rows)
        means = {name: total / len(videos) for name, total in totals.items()}
        history.append({"epoch": epoch, **means, "learning_rate": schedule.get_last_lr()[0]})
        terms = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        report(f"epoch {epoch}/{settings.epochs}  {terms}")
    return history


def parameter_groups(model: nn.Module, settings: TrainingSettings) -> list[dict[str, Any]]:
    """No weight decay on biases, norms and other vectors (METHODS 2.4)."""
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    return [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


@torch.inference_mode()
def predict_logits(model: nn.Module, videos: Videos, batch_size: int) -> np.ndarray:
    """Logits (N, C) of ``videos`` in their order, in evaluation mode."""
    target = device()
    model.to(target).eval()
    parts = [
        forward(model, {name: values.to(target) for name, values in batch.items()}).float().cpu()
        for _, batch in videos.batches(batch_size)
    ]
    return torch.cat(parts).numpy()
