"""Positions at other sizes: what must stay, and what must be smooth."""

import numpy as np
import pytest
import torch

from models.starts.interpolation import frame_positions, patch_positions, relative_positions


def test_relative_positions_keep_the_middle_and_what_is_smooth():
    old, new = 13, 23
    grid = torch.linspace(-1, 1, old, dtype=torch.float64)
    table = torch.stack([(grid[:, None] + 0 * grid).reshape(-1), (0 * grid[:, None] + grid**2).reshape(-1)], dim=1)
    found = relative_positions(table, new**2).reshape(new, new, 2)
    assert found.shape == (new, new, 2)
    np.testing.assert_allclose(found[new // 2, new // 2], table.reshape(old, old, 2)[old // 2, old // 2], atol=1e-9)
    assert (found[:, 0, 0].diff() > 0).all()
    np.testing.assert_allclose(found[:, :, 0], found[:, :1, 0].expand(new, new), atol=1e-9)
    ends = found[0, 0, 0], found[-1, 0, 0]
    np.testing.assert_allclose(ends, [-1, 1], atol=1e-6)  # the outermost neighbours stay the outermost


def test_patch_positions_keep_the_class_token_and_a_plane():
    old, new = 4, 8
    rows = (torch.arange(old) + 0.5) / old
    plane = torch.stack([rows[:, None].expand(old, old), rows[None].expand(old, old)], dim=2).reshape(-1, 2)
    found = patch_positions(torch.cat([torch.full((1, 2), 7.0), plane]), 1 + new**2)
    assert found[0].tolist() == [7.0, 7.0]
    inner = found[1:].reshape(new, new, 2)[2:-2, 2:-2]
    expected = (torch.arange(new) + 0.5)[2:-2] / new
    torch.testing.assert_close(inner[:, 0, 0], expected, atol=0.03, rtol=0)


def test_patch_positions_keep_both_tokens_of_a_tower_that_has_two():
    found = patch_positions(torch.cat([torch.tensor([[5.0], [6.0]]), torch.full((9, 1), 2.0)]), 2 + 25)
    assert found.flatten().tolist() == pytest.approx([5.0, 6.0, *[2.0] * 25])


def test_frame_positions_are_linear_in_time():
    values = torch.arange(4.0).reshape(1, 4, 1, 1)
    torch.testing.assert_close(frame_positions(values, 7).flatten(), torch.linspace(0, 3, 7))
    assert frame_positions(torch.full((1, 1, 1, 3), 2.0), 4).flatten().tolist() == [2.0] * 12
