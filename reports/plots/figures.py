"""What all plots share: colours of the models, axes, and figures as SVG text."""

import io

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"baseline": "#8a8f98", "student": "#1f6feb", "teacher": "#d97706", "champion": "#8250df"}
BINS = 30  # of a histogram: each still holds ten of the few hundred videos of a small task, on average


def svg(figure: Figure) -> str:
    """The figure as SVG text that is the same each time."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "cpfd", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, bbox_inches="tight")
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def axes_of(title: str, xlabel: str, ylabel: str, width: float = 4.6) -> tuple[Figure, Axes]:
    """A figure with its axes; ``width`` in inches, of which a page of three plots has room for 4.6 each."""
    figure = Figure(figsize=(width, 3.4))
    axes = figure.subplots()
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes
