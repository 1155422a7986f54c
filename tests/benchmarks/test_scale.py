"""The plan of a cluster: arithmetic that a reader can redo."""

import pytest

from benchmarks.scale import EPOCHS, GPU_FLOPS, plan


def test_the_plan_is_what_its_docstring_says():
    """A million labelled of five; four trainings' worth of passes over them, and each scored once."""
    forward = 1e11
    found = plan(5_000_000, 1, forward, unlabelled=False)
    operations = (3 * EPOCHS * 4 + 1) * 1_000_000 * forward
    assert found["GPU hours"] == pytest.approx(operations / GPU_FLOPS / 3600)
    assert found["core hours"] == pytest.approx(5_000_000 * 0.05 / 3600)
    reading = 2 * 5_000_000 * 5e6 / 10e9 / 3600
    assert found["hours"] == pytest.approx(found["GPU hours"] / 8 + reading + found["core hours"] / 128)
    more = plan(5_000_000, 1, forward, unlabelled=True)
    passes = 3 * EPOCHS * 4_000_000 + 3 * 4_000_000
    assert more["GPU hours"] - found["GPU hours"] == pytest.approx(passes * forward / GPU_FLOPS / 3600)


def test_four_times_the_videos_on_four_times_the_nodes_take_as_long():
    one, four = plan(5_000_000, 1, 1e11, False), plan(20_000_000, 4, 1e11, False)
    assert four["hours"] == pytest.approx(one["hours"])
    assert four["dollars"] == pytest.approx(4 * one["dollars"])
