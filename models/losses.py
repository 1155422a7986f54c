"""Per-sample losses of the paper (SEED-1 equations 1 to 4), as dictionaries of named terms."""

import torch.nn.functional as F
from torch import Tensor

Losses = dict[str, Tensor]


def label_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Equation 2, cross-entropy with the label, per sample (B,). A label of -1 (none) gives 0."""
    return F.cross_entropy(logits, labels, weight=class_weights, reduction="none", ignore_index=-1)


def soft_target_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Equation 3: T^2 KL(q_t || q_s), the teacher first, per sample (B,). The teacher gets no gradient."""
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=1)
    return temperature**2 * F.kl_div(student, teacher, reduction="none", log_target=True).sum(1)


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    alpha: Tensor,
    temperature: float = 1.0,
    class_weights: Tensor | None = None,
) -> Losses:
    """Equation 1 (4): mean over samples of (1 - alpha) label loss + alpha soft-target loss.

    ``alpha`` (B,) is constant for PFD and per sample for CPFD; it must be 1 where the label is -1.

    Returns:
        ``loss`` with its two weighted terms ``label_loss`` and ``soft_target_loss``, and ``mean_alpha``.
    """
    weight = alpha.detach()
    hard = ((1 - weight) * label_loss(student_logits, labels, class_weights)).mean()
    soft = (weight * soft_target_loss(student_logits, teacher_logits, temperature)).mean()
    return {"loss": hard + soft, "label_loss": hard, "soft_target_loss": soft, "mean_alpha": weight.mean()}


def supervised_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Losses:
    """What baseline and teacher minimise: the mean label loss."""
    loss = label_loss(logits, labels, class_weights).mean()
    return {"loss": loss, "label_loss": loss}
