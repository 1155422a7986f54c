"""Distillation methods. To add one, write its class here and name it in ``Method`` and METHODS.

A method is its own settings. It says which teacher it learns from, how far it trusts that teacher on each sample
(alpha), and what loss it makes of labels, soft targets and alpha.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from models.distillation.mappings import ExponentialDecay, Mapping
from models.distillation.named_settings import by_name, chosen

# Settings are read by every command, and torch takes seconds to import: only what trains waits for it.
if TYPE_CHECKING:
    from torch import Tensor, nn

    from models.data.tensors import Batch, Losses
    from models.distillation.soft_targets import SoftTargets

Alphas = tuple[np.ndarray, dict[str, float]]
TeacherInput = Literal["raw and dense", "raw", "dense"]


class DistillationMethod(BaseModel, frozen=True, extra="forbid"):
    """``teacher``: what the method's teacher sees, None if it has none."""

    teacher: ClassVar[TeacherInput | None] = "raw and dense"
    name: str

    def trust(self, targets: SoftTargets) -> Alphas:
        """Alpha (N,) of the labelled soft targets, anything for the others; and the constants behind it."""
        raise NotImplementedError

    def alphas(self, targets: SoftTargets) -> Alphas:
        """Alpha (N,) of every soft target, and the constants behind it.

        A video without a label has no teacher loss: there is nothing else to learn from, so alpha is 1.
        """
        alphas, constants = self.trust(targets)
        return np.where(targets.labelled, alphas, 1.0), constants

    def loss(self, outputs: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
        """What the student minimises over a batch with ``labels``, ``teacher_logits`` and ``alpha``."""
        raise NotImplementedError

    def wide_loss(self, logits: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
        """What its wide path minimises, whose outputs are logits (N, C) alone."""
        return self.loss(logits, batch, class_weights)

    def network(self, student: Any, width: int, classes: int) -> nn.Module:  # noqa: ARG002
        """What is trained: the student, or a module around it; ``width`` is that of the joint representation."""
        return student


class _OneAlpha(DistillationMethod, frozen=True, extra="forbid"):
    """The same alpha for all samples. The paper gives none for PFD: its default weighs both terms alike."""

    alpha: float = Field(0.5, ge=0, le=1)

    def trust(self, targets: SoftTargets) -> Alphas:
        return np.full(len(targets.labels), self.alpha), {"alpha": self.alpha}


class _SoftTargetLoss(DistillationMethod, frozen=True, extra="forbid"):
    """Cross-entropy with the label and KL divergence from the teacher's soft target, blended by alpha."""

    temperature: float = Field(1.0, gt=0)

    def loss(self, outputs: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
        from models.distillation.losses import distillation_loss

        return distillation_loss(outputs, batch, self.temperature, class_weights)


class LabelSmoothing(_OneAlpha, frozen=True, extra="forbid"):
    """A teacher that knows nothing (Szegedy et al. 2016). ``alpha`` is the share of the uniform distribution."""

    teacher: ClassVar[TeacherInput | None] = None
    name: Literal["label_smoothing"] = "label_smoothing"

    def loss(self, outputs: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
        from models.distillation.losses import smoothed_loss

        return smoothed_loss(outputs, batch, class_weights)


class VanillaKD(_OneAlpha, _SoftTargetLoss, frozen=True, extra="forbid"):
    """The teacher sees what the student sees (Hinton et al. 2015); here it is as large as the student."""

    teacher: ClassVar[TeacherInput | None] = "raw"
    name: Literal["kd"] = "kd"


class SelfTraining(DistillationMethod, frozen=True, extra="forbid"):
    """Labels where there are some; elsewhere pseudo-labels, what a teacher of raw input decides on (Lee 2013).

    What unlabelled videos are worth without any privilege, and without soft targets.
    """

    teacher: ClassVar[TeacherInput | None] = "raw"
    name: Literal["self_training"] = "self_training"

    def trust(self, targets: SoftTargets) -> Alphas:
        return np.zeros(len(targets.labels)), {}

    def loss(self, outputs: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
        from models.distillation.losses import pseudo_label_loss

        return pseudo_label_loss(outputs, batch, class_weights)


class Generalised(_OneAlpha, _SoftTargetLoss, frozen=True, extra="forbid"):
    """The teacher sees the privileged features alone (Lopez-Paz et al. 2015)."""

    teacher: ClassVar[TeacherInput | None] = "dense"
    name: Literal["generalised"] = "generalised"


class PFD(_OneAlpha, _SoftTargetLoss, frozen=True, extra="forbid"):
    """Privileged feature distillation with one alpha (Shi et al., CIKM 2024, equations 1 to 4)."""

    name: Literal["pfd"] = "pfd"


class CPFD(_SoftTargetLoss, frozen=True, extra="forbid"):
    """Alpha falls with the teacher's loss on the sample (Shi et al., CIKM 2024, section 3.4).

    ``class_conditional`` fits the mapping to each class's losses alone: a teacher's losses on a rare class are mostly
    high, and one mapping for all would hardly ever trust it there.
    """

    name: Literal["cpfd"] = "cpfd"
    mapping: Mapping = ExponentialDecay()
    class_conditional: bool = False

    def trust(self, targets: SoftTargets) -> Alphas:
        alphas = np.ones(len(targets.labels))
        constants: dict[str, float] = {}
        loss, right, classes = targets.loss, targets.right, targets.logits.shape[1]
        for group in range(classes) if self.class_conditional else [None]:
            rows = targets.labelled if group is None else targets.labels == group
            if not rows.any():
                continue
            mapping = self.mapping.fitted(loss[rows], right[rows], classes)
            alphas[rows] = mapping(loss[rows])
            suffix = "" if group is None else f"_class_{group}"
            constants |= {f"{name}{suffix}": value for name, value in mapping.constants().items()}
        return alphas, constants


class CAMKD(_SoftTargetLoss, frozen=True, extra="forbid"):
    """CA-MKD's weights for two teachers, the label (loss 0) and the privileged one (loss L).

    w_k = 1 - softmax_k(L_k) (Zhang et al. 2022, equation 3), which is 1 / (1 + exp(L)) for the second.
    """

    name: Literal["ca_mkd"] = "ca_mkd"

    def trust(self, targets: SoftTargets) -> Alphas:
        return 1 / (1 + np.exp(np.nan_to_num(targets.loss, nan=0.0).astype(np.float64))), {}


class PAD(_OneAlpha, frozen=True, extra="forbid"):
    """The student learns where to trust, as a variance a logit (Zhang et al., ECCV 2020)."""

    name: Literal["pad"] = "pad"

    def loss(self, outputs: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
        from models.distillation.losses import uncertain_loss

        return uncertain_loss(outputs, batch, class_weights)

    def wide_loss(self, logits: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
        """With a variance of 1, as a linear model predicts none."""
        import torch

        return self.loss(torch.cat([logits, torch.zeros_like(logits)], dim=1), batch, class_weights)

    def network(self, student: Any, width: int, classes: int) -> nn.Module:
        from models.networks.uncertainty import WithUncertainty

        return WithUncertainty(student, width, classes)


METHODS: dict[str, type[DistillationMethod]] = by_name(
    (LabelSmoothing, VanillaKD, SelfTraining, Generalised, PFD, CPFD, CAMKD, PAD)
)
Method = Annotated[
    LabelSmoothing | VanillaKD | SelfTraining | Generalised | PFD | CPFD | CAMKD | PAD,
    Field(discriminator="name"),
    chosen("method", METHODS),
]
