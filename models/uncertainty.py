"""A student that also says how far it can follow the teacher (PAD, Zhang et al., ECCV 2020)."""

from typing import Any

import torch
from torch import Tensor, nn


class WithUncertainty(nn.Module):
    """``student`` with a branch that predicts a log-variance a class; only the student is kept afterwards."""

    def __init__(self, student: Any, width: int, classes: int) -> None:
        super().__init__()
        self.student = student
        self.inputs = student.inputs
        self.log_variance = nn.Sequential(nn.Linear(width, classes), nn.BatchNorm1d(classes))

    def forward(self, **inputs: Tensor) -> Tensor:
        """(B, 2C): the student's logits, then the log-variances, from one joint representation."""
        joint = self.student.xvlm(**inputs)
        return torch.cat([self.student.head(joint), self.log_variance(joint)], dim=1)
