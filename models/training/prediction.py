"""Outputs of a network: for a batch, and for all rows of a split by all processes together."""

from typing import Any

import numpy as np
import torch
from torch import nn

from models.data.dataset import Videos
from models.data.loading import Loader
from models.data.tensors import Batch
from models.training.devices import device, gathered, rank, world

MEET = 64  # batches after which processes meet: none may wait for another as long as half an hour, gloo's limit


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
    batches = own.split(batch_size)
    found: list[list[torch.Tensor]] = [[] for _ in range(world())]
    waiting: list[torch.Tensor] = []
    for number, (_, batch) in enumerate(Loader(videos, batches, workers, target), start=1):
        waiting.append(forward(model, batch).float().cpu())
        if number % MEET == 0 or number == len(batches):
            for part, logits in zip(found, gathered(torch.cat(waiting)), strict=True):
                part.append(logits)
            waiting = []
    return torch.cat([logits for part in found for logits in part])[: len(videos)].numpy()
