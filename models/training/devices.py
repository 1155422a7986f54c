"""Where a training runs: one process on a CPU or GPU, or one of several that torchrun started; and what fits there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from common.errors import UserError
from models.data.tensors import Batch


def device() -> torch.device:
    """This process's GPU, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", dist.get_node_local_rank(fallback_rank=0) if dist.is_initialized() else 0)


def rank() -> int:
    """This process's number among those that train together; process 0 prints and writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


class DeviceError(UserError):
    """This machine cannot train as it was asked to. The message says why."""


@contextmanager
def process_group() -> Iterator[None]:
    """Join the other processes of this torchrun; nothing to join where there is one process."""
    if not dist.is_torchelastic_launched():
        yield
        return
    if torch.cuda.is_available() and dist.get_node_local_rank(fallback_rank=0) >= torch.cuda.device_count():
        raise DeviceError(f"there are more processes than the {torch.cuda.device_count()} GPUs of this machine")
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(device())
        yield
    finally:
        dist.destroy_process_group()


def log(line: str) -> None:
    """Print a line, once for all processes of a training."""
    if rank() == 0:
        print(line, flush=True)


def summed(values: Tensor) -> Tensor:
    """The sum of ``values`` over all processes."""
    if world() > 1:
        dist.all_reduce(values)
    return values


def gathered(values: Tensor) -> list[Tensor]:
    """``values`` of every process, in the order of ranks; their shapes are the same."""
    if world() == 1:
        return [values]
    parts = [torch.empty_like(values) for _ in range(world())]
    dist.all_gather(parts, values)
    return parts


def seed_everything(seed: int) -> None:
    """Seed the weights' initialisation and dropout, and ask for deterministic kernels."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)


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
