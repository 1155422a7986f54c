"""Bars stand on zero, so that one twice as long means twice as much; an axis that is cut has lines alone."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from run_records import evaluation

from models.evaluation.metrics import titles
from models.studies.variants import BASELINE, CPFD, PFD, TEACHER
from reports.plots import evidence, study
from reports.plots.figures import BINS

NAMES = [BASELINE, PFD, CPFD, TEACHER]


@pytest.fixture
def measures(rng) -> pd.DataFrame:
    """Three seeds a model and share of labels, whose figures lie near each other and far from zero."""
    rows = [(name, seed, share) for name in NAMES for seed in range(3) for share in (1.0, 0.5)]
    table = pd.DataFrame(rows, columns=["model", "seed", "share"])
    return table.assign(**{metric: rng.uniform(0.8, 0.82, len(table)) for metric in titles("f1")})


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """The figures, as they are when they become SVG."""
    figures: list[Figure] = []
    for module in (evidence, study):
        monkeypatch.setattr(module, "svg", lambda figure: figures.append(figure) or "<svg>")
    return figures


def bars_of(figure: Figure) -> list[Rectangle]:
    (axes,) = figure.axes
    return [bar for bars in axes.containers if isinstance(bars, BarContainer) for bar in bars]


def stand_on_zero(figure: Figure) -> bool:
    """And the whole of each bar is to be seen."""
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    return (
        axes.get_yscale() == "linear"
        and low == 0
        and all(0 == b.get_y() <= b.get_height() <= high for b in bars_of(figure))
    )


def test_bars_of_the_report_start_at_zero(drawn, rng):
    evidence.judged_bars(evaluation())
    evidence.alpha_curve(rng.random(50), rng.random(50))
    assert [len(bars_of(figure)) for figure in drawn] == [3, BINS]
    assert all(stand_on_zero(figure) for figure in drawn)


def test_bars_of_a_study_start_at_zero(drawn, measures, rng):
    study.bars(measures[measures.share == 1.0], "f1", NAMES)
    study.alphas({"tanh": (np.linspace(0, 1, 9), np.linspace(1, 0, 9))}, rng.random(50))
    assert [len(bars_of(figure)) for figure in drawn] == [2 * len(NAMES), BINS]
    assert all(stand_on_zero(figure) for figure in drawn)


def test_the_axis_that_is_cut_has_no_bars(drawn, measures):
    study.shares(measures)
    (figure,) = drawn
    low, high = figure.axes[0].get_ylim()
    assert 0.5 < low < high < 1
    assert bars_of(figure) == []
    assert "not from zero" in figure.axes[0].get_ylabel()
    drawn_ends = [y for lines in figure.axes[0].containers for segment in lines.lines[2][0].get_segments()
                  for y in segment[:, 1]]  # fmt: skip
    assert low < min(drawn_ends) < max(drawn_ends) < high
    assert len(figure.axes[0].containers) == len(NAMES)
