"""The device's memory: how to use less of it, and how much fits once a batch did not."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from models.data.tensors import Batch


def checkpoint_activations(model: nn.Module) -> None:
    """Keep no layer's activations for the backward pass, which computes them again.

    Layer by layer: the model-wide switch of transformers expects towers of one tensor each, and fails on Swin.
    """
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.gradient_checkpointing = True
            module._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)


def largest_batch(loss: Callable[[Batch], torch.Tensor], batch: Batch) -> int:
    """The largest number of the batch's videos, found by halving, whose loss has a gradient; 0 if none has."""
    size = len(next(iter(batch.values()))) // 2
    while size:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            loss({name: values[:size] for name, values in batch.items()}).backward()
        except torch.OutOfMemoryError:
            size //= 2
        else:
            return size
    return 0
