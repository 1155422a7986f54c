"""Progress of a run where there is no terminal to redraw a line in: a line a step, to read in a log."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipelines.cli import output


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """The time that progress goes by: ``clock.now``, in seconds."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(output, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def log(monkeypatch) -> io.StringIO:
    """What the command line writes to stderr, which is a file, and narrower than a line."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=False, width=20, highlight=False, soft_wrap=True, emoji=False)
    monkeypatch.setattr(output, "err", console)
    return file


def test_a_step_is_a_line_with_the_time_since_the_start_and_one_from_the_cache_says_so(clock, log):
    with output.StepProgress(16) as progress:
        progress.ended("select-window", 1, None)
        clock.now += 7.9
        progress.started("decode-clips", 2)
        progress.said("decode-clips", "decoded 12 of 40")
        clock.now += 65
        progress.ended("decode-clips", 2, 65.0)
        progress.started("train-baseline", 3)
        clock.now += 3600
        progress.ended("train-baseline", 3, 3600.0)
        progress.ended("gate", 4, None)
    assert log.getvalue().splitlines() == [
        "0:00  step 1/16 select-window: from the cache",
        "0:07  step 2/16 decode-clips …",
        "1:12  step 3/16 train-baseline …",
        "61:12  step 4/16 gate: from the cache",
    ]


def test_a_warning_of_a_step_is_a_line_of_its_own_and_as_it_was_said(clock, log):
    with output.StepProgress(1) as progress:
        progress.warned("3 titles are [bold] :warning: short")
    assert log.getvalue() == "Warning: 3 titles are [bold] :warning: short\n"


def test_a_trial_of_a_tuning_is_a_line_that_stays_and_what_a_training_says_is_none(clock, log):
    with output.TrialProgress(6) as progress:
        progress.started("tune", 6)
        progress.said("tune", "epoch 1/2  loss 0.7")
        clock.now += 61
        progress.said("tune", "trial 1/20: F1 0.7311; best 0.7311 (trial 1); rate [1]")
        progress.said("decode-clips", "trial clips")
    assert log.getvalue().splitlines() == [
        "0:00  step 6/6 tune …",
        "1:01  trial 1/20: F1 0.7311; best 0.7311 (trial 1); rate [1]",
    ]
