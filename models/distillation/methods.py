"""Distillation methods. To add one, write its function here and name it in METHODS.

A method says which teacher it learns from, how far it trusts that teacher on each sample (alpha), and what loss
it makes of labels, soft targets and alpha.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from models.data.tensors import Batch, Losses
from models.distillation.losses import distillation_loss, smoothed_loss, uncertain_loss
from models.distillation.mappings import fit_alpha_map
from models.distillation.soft_targets import SoftTargets
from models.networks.uncertainty import WithUncertainty
from models.settings import DistillationSettings

Alphas = tuple[np.ndarray, dict[str, float]]
MethodLoss = Callable[[Tensor, Batch, DistillationSettings, Tensor | None], Losses]
TeacherInput = Literal["raw and dense", "raw", "dense"]


@dataclass(frozen=True)
class Method:
    """``teacher``: what its teacher sees, None if it has none. ``network`` dresses the student for training."""

    teacher: TeacherInput | None
    alphas: Callable[[SoftTargets, DistillationSettings], Alphas]
    loss: MethodLoss = distillation_loss
    network: Callable[[nn.Module, int, int], nn.Module] = lambda student, _width, _classes: student


def constant_alpha(targets: SoftTargets, settings: DistillationSettings) -> Alphas:
    """The same alpha for all samples."""
    return np.full(len(targets.labels), settings.alpha), {"alpha": settings.alpha}


def confident_alpha(targets: SoftTargets, settings: DistillationSettings) -> Alphas:
    """Alpha falls with the teacher's loss on the sample (SEED-1 3.3); by class where the settings ask.

    A class fitted alone keeps its own constants: a teacher's losses on a rare class are mostly high, and one
    mapping for all would hardly ever trust it there (METHODS 1.7).
    """
    alphas = np.ones(len(targets.labels))
    constants: dict[str, float] = {}
    loss, right, classes = targets.loss, targets.right, targets.logits.shape[1]
    groups = range(classes) if settings.class_conditional else [None]
    for group in groups:
        rows = targets.labelled if group is None else targets.labels == group
        if not rows.any():
            continue
        mapping = fit_alpha_map(loss[rows], right[rows], classes, settings)
        alphas[rows] = mapping(loss[rows])
        suffix = "" if group is None else f"_class_{group}"
        constants |= {f"{name}{suffix}": value for name, value in mapping.constants().items()}
    return alphas, constants


def label_as_teacher_alpha(targets: SoftTargets, _: DistillationSettings) -> Alphas:
    """CA-MKD's weights for two teachers, the label (loss 0) and the privileged one (loss L).

    w_k = 1 - softmax_k(L_k) (Zhang et al. 2022, equation 3), which is 1 / (1 + exp(L)) for the second.
    """
    return 1 / (1 + np.exp(np.nan_to_num(targets.loss, nan=0.0).astype(np.float64))), {}


METHODS: dict[str, Method] = {
    # Szegedy et al. 2016: a teacher that knows nothing. ``alpha`` is the share of the uniform distribution.
    "label_smoothing": Method(None, constant_alpha, smoothed_loss),
    # Hinton et al. 2015: the teacher sees what the student sees; here it is as large as the student.
    "kd": Method("raw", constant_alpha),
    # Lopez-Paz et al. 2015: the teacher sees the privileged features alone.
    "generalised": Method("dense", constant_alpha),
    # Privileged feature distillation with one alpha (SEED-1 equations 1 to 4).
    "pfd": Method("raw and dense", constant_alpha),
    # The paper's method: alpha by the teacher's loss.
    "cpfd": Method("raw and dense", confident_alpha),
    # Zhang et al. 2022, CA-MKD.
    "ca_mkd": Method("raw and dense", label_as_teacher_alpha),
    # Zhang et al. ECCV 2020, PAD: the student learns where to trust, as a variance a logit.
    "pad": Method("raw and dense", constant_alpha, uncertain_loss, WithUncertainty),
}


def learned_targets(targets: SoftTargets, settings: DistillationSettings) -> SoftTargets:
    """The soft targets as the student learns them: calibrated, where the settings ask."""
    return targets.calibrated() if settings.calibrate else targets


def sample_alphas(targets: SoftTargets, settings: DistillationSettings) -> Alphas:
    """Alpha (N,) of every soft target by the method of the settings, and the constants it used.

    A video without a label has no teacher loss: there is nothing else to learn from, so alpha is 1.
    """
    alphas, constants = METHODS[settings.method].alphas(targets, settings)
    return np.where(targets.labelled, alphas, 1.0), constants


def student_loss(
    settings: DistillationSettings, class_weights: Tensor | None = None
) -> Callable[[Tensor, Batch], Losses]:
    """The student's loss over batches that carry ``teacher_logits`` and ``alpha``."""
    method = METHODS[settings.method]
    return lambda outputs, batch: method.loss(outputs, batch, settings, class_weights)


def alpha_tensor(alphas: np.ndarray) -> Tensor:
    return torch.from_numpy(alphas.astype(np.float32))
