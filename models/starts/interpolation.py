"""Positions learned at one size, read at another: relative-position tables, position embeddings, frame positions."""

from math import isqrt

import numpy as np
import torch
import torch.nn.functional as F
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

RELATIVE = "relative_position_bias_table"
ABSOLUTE = "position_embedding.weight", "position_embeddings"  # CLIP's; ViT's and DeiT's
FRAMES = "frame_position"


# Where the grid's ratio is sought: of all window sizes in use it lies well inside, and 60 halvings leave less than the
# spacing of float64.
RATIOS = (1.01, 1.5)
HALVINGS = 60


def interpolated(name: str, values: Tensor, shape: torch.Size) -> Tensor | None:
    """``values`` of the parameter ``name`` at another ``shape``; None if it is not a thing of positions."""
    if name.endswith(RELATIVE) and values.shape[1:] == shape[1:]:
        return relative_positions(values, shape[0])
    if name.endswith(FRAMES) and values.shape[2:] == shape[2:]:
        return frame_positions(values, shape[1])
    if ".vision." in f".{name}" and name.endswith(ABSOLUTE) and values.shape[-1] == shape[-1]:
        scaled = patch_positions(values.flatten(0, -2), shape[-2])
        return scaled.reshape(*values.shape[:-2], *scaled.shape)
    return None


def relative_positions(table: Tensor, rows: int) -> Tensor:
    """A Swin table (n^2, heads) at (m^2, heads), m^2 = ``rows``, on a geometric grid, as the official X-VLM does.

    The grid is dense in the middle, as near neighbours need the finer resolution: the ratio q of its steps is
    such that half the smaller table spans half the larger one.
    """
    old, new = round(table.shape[0] ** 0.5), round(rows**0.5)
    places = _geometric(old, new)
    targets = np.arange(-(new // 2), new // 2 + 1, dtype=float)
    columns = [
        RectBivariateSpline(places, places, column.reshape(old, old), kx=3, ky=3, s=0)(targets, targets).reshape(-1)
        for column in table.double().numpy().T
    ]
    return torch.from_numpy(np.stack(columns, axis=1)).to(table.dtype)


def _geometric(old: int, new: int) -> np.ndarray:
    (low, high), half = RATIOS, old // 2
    for _ in range(HALVINGS):
        ratio = (low + high) / 2
        reach = sum(ratio**power for power in range(half))
        low, high = (ratio, high) if reach < new // 2 else (low, ratio)
    steps = np.cumsum(ratio ** np.arange(half))
    return np.concatenate([-steps[::-1], [0.0], steps])


def patch_positions(table: Tensor, rows: int) -> Tensor:
    """ViT position embeddings (k + n^2, width) at (k + m^2, width): patches are bicubic, the k tokens before them stay.

    k is what the largest square leaves: 1 for the class token, 2 with DeiT's distillation token.
    """
    old, new = isqrt(table.shape[0]), isqrt(rows)
    tokens = table.shape[0] - old**2
    grid = table[tokens:].T.reshape(1, -1, old, old).float()
    scaled = F.interpolate(grid, (new, new), mode="bicubic", align_corners=False)
    return torch.cat([table[:tokens], scaled.reshape(-1, new * new).T.to(table.dtype)])


def frame_positions(values: Tensor, frames: int) -> Tensor:
    """Frame positions (1, F, 1, width) at another number of frames, linear over time."""
    moved = values[:, :, 0].transpose(1, 2).float()
    scaled = F.interpolate(moved, frames, mode="linear", align_corners=values.shape[1] > 1)
    return scaled.transpose(1, 2)[:, :, None].to(values.dtype)
