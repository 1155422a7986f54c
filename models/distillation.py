"""Distillation methods: each turns stored soft targets into one alpha a sample. To add one, add it here."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from models.confidence import fit_alpha_map
from models.dataset import Batch, SoftTargets
from models.losses import Losses, distillation_loss
from models.settings import DistillationSettings

Alphas = tuple[np.ndarray, dict[str, float]]


def pfd(teacher_loss: np.ndarray, settings: DistillationSettings) -> Alphas:
    """Privileged feature distillation: the same alpha for all samples."""
    return np.full(len(teacher_loss), settings.alpha), {"alpha": settings.alpha}


def cpfd(teacher_loss: np.ndarray, settings: DistillationSettings) -> Alphas:
    """Confidence-aware PFD: alpha falls with the teacher's loss on the sample (SEED-1 section 3.3)."""
    mapping = fit_alpha_map(teacher_loss[np.isfinite(teacher_loss)], settings)
    return mapping(np.nan_to_num(teacher_loss, nan=0.0)), mapping.constants()


METHODS: dict[str, Callable[[np.ndarray, DistillationSettings], Alphas]] = {"pfd": pfd, "cpfd": cpfd}


def sample_alphas(soft_targets: SoftTargets, settings: DistillationSettings) -> Alphas:
    """Alpha (N,) of every soft target by the method of the settings, and the constants it used.

    A video without a label has no teacher loss (NaN): there is nothing else to learn from, so alpha is 1.
    """
    alphas, constants = METHODS[settings.method](soft_targets.loss, settings)
    return np.where(np.isnan(soft_targets.loss), 1.0, alphas), constants


def student_loss(
    settings: DistillationSettings, class_weights: Tensor | None = None
) -> Callable[[Tensor, Batch], Losses]:
    """The student's loss over batches that carry ``teacher_logits`` and ``alpha``."""

    def loss(logits: Tensor, batch: Batch) -> Losses:
        return distillation_loss(
            logits,
            batch["teacher_logits"],
            batch["labels"],
            batch["alpha"],
            settings.temperature,
            class_weights,
        )

    return loss


def alpha_tensor(alphas: np.ndarray) -> Tensor:
    return torch.from_numpy(alphas.astype(np.float32))
