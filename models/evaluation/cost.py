"""What a network costs: parameters, floating-point operations, milliseconds."""

import time
from typing import Any

import torch
from pydantic import BaseModel
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.data.tensors import Batch
from models.training.prediction import forward

PASSES = 10  # so that the median is none of the few that another process disturbed


class Cost(BaseModel, frozen=True, extra="forbid"):
    """Of one forward pass; ``flops`` and ``milliseconds`` are per video."""

    parameters: int
    flops: float
    milliseconds: float


class AnswerCost(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Of a served student: its weights on disk (1e6 bytes), and the median time of an answer, video decoding included.

    It is of one answer at a time, on the machine that judged.
    """

    megabytes: float
    milliseconds: float


def parameters(model: torch.nn.Module) -> int:
    """Numbers that training may change."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.inference_mode()
def forward_flops(model: Any, batch: Batch) -> float:
    """Floating-point operations of one forward pass per video; a multiplication and an addition count as two."""
    # The counter knows no fused attention on a CPU, and would count none of it.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        forward(model, batch)
    return counter.get_total_flops() / len(batch["input_ids"])


@torch.inference_mode()
def network_cost(model: Any, batch: Batch) -> Cost:
    """The cost of ``model`` in evaluation mode; the time is the median of ten passes after one."""
    model.eval()
    flops = forward_flops(model, batch)
    seconds = []
    for _ in range(PASSES):
        started = time.perf_counter()
        forward(model, batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    per_video = 1_000 * sorted(seconds)[PASSES // 2] / len(batch["input_ids"])
    return Cost(parameters=parameters(model), flops=flops, milliseconds=per_video)
