"""Per-sample losses of CPFD's paper (Shi et al., CIKM 2024, equations 1 to 4) and of its rivals, by named terms."""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.data.tensors import Batch, Losses

LEAST_VARIANCE = 1e-6  # what PAD's authors add to a variance, so that none divides by zero


def label_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Equation 2, cross-entropy with the label, per sample (B,). A label of -1 (none) gives 0."""
    weights = None if class_weights is None else class_weights.to(logits.dtype)
    return F.cross_entropy(logits, labels, weight=weights, reduction="none", ignore_index=-1)


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Equation 3: T^2 KL(q_t || q_s), the teacher first, per sample (B,). The teacher gets no gradient."""
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=1)
    return temperature**2 * F.kl_div(student, teacher, reduction="none", log_target=True).sum(1)


def _blend(hard: Tensor, soft: Tensor, batch: Batch) -> Losses:
    """Equation 1 (4): the mean over samples of (1 - alpha) hard + alpha soft, with its two weighted terms.

    A ``row_weight`` (B,) in the batch weighs whole samples; without one all weigh 1.
    """
    alpha = batch["alpha"].detach()
    rows = batch.get("row_weight", torch.ones_like(alpha))
    label_term, soft_term = (rows * (1 - alpha) * hard).mean(), (rows * alpha * soft).mean()
    return {
        "loss": label_term + soft_term,
        "label_loss": label_term,
        "soft_target_loss": soft_term,
        "mean_alpha": alpha.mean(),
    }


def distillation_loss(
    logits: Tensor, batch: Batch, temperature: float = 1.0, class_weights: Tensor | None = None
) -> Losses:
    """Equation 1 over a batch that carries ``teacher_logits``, ``labels`` and ``alpha``.

    ``alpha`` (B,) is constant for PFD and per sample for CPFD; it must be 1 where the label is -1.

    Returns:
        ``loss`` with its two weighted terms ``label_loss`` and ``soft_target_loss``, and ``mean_alpha``.
    """
    hard = label_loss(logits, batch["labels"], class_weights)
    soft = soft_target_loss(logits, batch["teacher_logits"], temperature)
    return _blend(hard, soft, batch)


def smoothed_loss(logits: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
    """Label smoothing: the soft term is the cross-entropy with the uniform distribution (Szegedy et al. 2016)."""
    hard = label_loss(logits, batch["labels"], class_weights)
    return _blend(hard, -F.log_softmax(logits, dim=1).mean(1), batch)


def pseudo_label_loss(logits: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
    """Self-training: the soft term is the cross-entropy with the class that the teacher decides on (Lee 2013)."""
    hard = label_loss(logits, batch["labels"], class_weights)
    return _blend(hard, label_loss(logits, batch["teacher_logits"].argmax(1), class_weights), batch)


def uncertain_loss(outputs: Tensor, batch: Batch, class_weights: Tensor | None = None) -> Losses:
    """PAD: squared logit differences over a predicted variance, plus its logarithm (Zhang et al., ECCV 2020).

    Args:
        outputs: (B, 2C): logits, then log-variances (``WithUncertainty``).
        batch: as for ``distillation_loss``. Logits are compared less their mean over classes, which alone
            matters to a softmax.
    """
    logits, log_variance = outputs.chunk(2, dim=1)
    teacher = batch["teacher_logits"].detach()
    difference = (teacher - teacher.mean(1, keepdim=True)) - (logits - logits.mean(1, keepdim=True))
    soft = (difference**2 / (LEAST_VARIANCE + log_variance.exp()) + log_variance).mean(1)
    return _blend(label_loss(logits, batch["labels"], class_weights), soft, batch)


def supervised_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Losses:
    """What baseline and teacher minimise: the mean label loss."""
    loss = label_loss(logits, labels, class_weights).mean()
    return {"loss": loss, "label_loss": loss}
