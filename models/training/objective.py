"""What a training minimises, and at which rates: class weights, label loss, groups of parameters."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from models.data.dataset import Videos
from models.data.tensors import Batch, Losses
from models.distillation.losses import supervised_loss
from models.training.prediction import bare
from models.training.settings import Recipe, TrainingSettings


def inverse_frequency(labels: Tensor, classes: int) -> Tensor:
    """Class weights (C,): rows / (classes x rows of the class); a class without rows gets 0."""
    counts = torch.bincount(labels[labels >= 0], minlength=classes).float()
    return torch.where(counts > 0, counts.sum() / (classes * counts.clamp(min=1)), 0.0)


def class_weights(videos: Videos, settings: Recipe) -> Tensor | None:
    """Weights (C,) of the label loss by the rows' classes, where the settings ask for them."""
    if not settings.training.class_weights:
        return None
    return inverse_frequency(videos.labels, len(settings.classes))


def label_objective(videos: Videos, settings: Recipe) -> Callable[[Tensor, Batch], Losses]:
    """What baseline and teacher minimise on these videos."""
    weights = class_weights(videos, settings)
    return lambda logits, batch: supervised_loss(logits, batch["labels"], weights)


def for_epochs(training: TrainingSettings, epochs: int | None) -> TrainingSettings:
    """The schedule over another number of epochs; None leaves it as it is."""
    return training if epochs is None else training.model_copy(update={"epochs": epochs})


def parameter_groups(model: nn.Module, settings: TrainingSettings) -> list[dict[str, Any]]:
    """No weight decay on biases, norms and other vectors; a higher rate for what starts from nothing.

    A network without pre-trained weights starts from nothing as a whole: one rate for all.
    """
    started: frozenset[str] = getattr(bare(model), "started_parts", frozenset())
    groups = []
    for new in (False, True):
        named = [(name, p) for name, p in model.named_parameters() if bool(started and name not in started) == new]
        rate = settings.learning_rate * (settings.head_factor if new else 1.0)
        for decay, chosen in (
            (settings.weight_decay, [p for _, p in named if p.ndim >= 2]),
            (0.0, [p for _, p in named if p.ndim < 2]),
        ):
            if chosen:
                groups.append({"params": chosen, "weight_decay": decay, "lr": rate})
    return groups
