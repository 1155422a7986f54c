"""Outputs of a network: for a batch, and for all rows of a split by all processes together."""

from typing import Any

import numpy as np
import torch
from torch import nn

from models.data.dataset import Videos
from models.data.loading import Loader
from models.data.tensors import Batch
from models.training.devices import device, gathered, rank, world


def forward(model: Any, batch: Batch) -> Any:
    """Outputs for a batch: the network is given what it reads (``inputs``), and nothing else of the batch."""
    return model(**{name: batch[name] for name in bare(model).inputs if name in batch})


def bare(model: Any) -> Any:
    """The network itself, out of what compiles it or spreads it over processes."""
    while not hasattr(model, "inputs"):
        model = model.module if hasattr(model, "module") else model._orig_mod
    return model


@torch.inference_mode()
def predict_logits(model: nn.Module, videos: Videos, batch_size: int, workers: int = 0) -> np.ndarray:
    """Logits (N, C) of ``videos`` in their order, in evaluation mode; processes share the work and all get all."""
    target = device()
    model.to(target).eval()
    size = -(-len(videos) // world())
    own = torch.arange(rank() * size, (rank() + 1) * size).clamp(max=len(videos) - 1)
    loader = Loader(videos, own.split(batch_size), workers, target)
    logits = torch.cat([forward(model, batch).float().cpu() for _, batch in loader])
    return torch.cat(gathered(logits))[: len(videos)].numpy()
