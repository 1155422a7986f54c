"""The named tensors that pass between data, networks and losses."""

from torch import Tensor

Batch = dict[str, Tensor]  # a row a video: input_ids, attention_mask, frames, labels, and for whom it concerns extras
Losses = dict[str, Tensor]  # scalars by name; "loss" is what is minimised
