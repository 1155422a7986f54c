"""A student that also says how far it can follow the teacher (PAD, Zhang et al., ECCV 2020)."""

from typing import Any

import torch
from torch import Tensor, nn

from models.networks.wide import add_wide


class WithUncertainty(nn.Module):
    """``student`` with a branch that predicts a log-variance a class; only the student is kept afterwards."""

    def __init__(self, student: Any, width: int, classes: int) -> None:
        super().__init__()
        self.student = student
        self.inputs = student.inputs
        self.started_parts = frozenset(f"student.{name}" for name in getattr(student, "started_parts", ()))
        self.log_variance = nn.Sequential(nn.Linear(width, classes), nn.BatchNorm1d(classes))

    @property
    def head(self) -> nn.Sequential:
        """The student's."""
        return self.student.head

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, frames: Tensor | None = None, **wide: Tensor
    ) -> Tensor:
        """(B, 2C) in training: the student's logits, then the log-variances; else the logits alone."""
        joint = self.student.xvlm(input_ids, attention_mask, frames)
        logits = add_wide(self.head(joint), self.student.wide, wide)
        if not self.training:
            return logits
        projection, norm = self.log_variance
        if len(joint) == 1:  # one row has no variance to be normalised by
            norm.eval()
        log_variance = norm(projection(joint))
        norm.train()
        return torch.cat([logits, log_variance], dim=1)
