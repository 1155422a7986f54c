"""Plots of scores: how they lie by label, and whether they mean what they say. As SVG text."""

import numpy as np

from models.evaluation.calibration import by_highest_score, calibration_error
from reports.plots.figures import COLOURS, axes_of, svg

BINS = 20
FEWEST = 10  # rows of a bin that is drawn: the share of fewer is mostly chance


def histogram(scores: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> str:
    """The student's score of the last class by label; of more than two classes, the score of each row's own."""
    of = classes[-1] if len(classes) == 2 else "the row's own class"
    figure, axes = axes_of("The student's scores by label", f"score of {of}", "share of the label's videos")
    own = scores[:, 1] if len(classes) == 2 else scores[np.arange(len(labels)), labels]
    for index, name in enumerate(classes):
        values = own[labels == index]
        axes.hist(
            values,
            np.linspace(0, 1, BINS + 1).tolist(),
            weights=np.full(len(values), 1 / len(values)),
            alpha=0.5,
            label=name,
        )
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def reliability(probabilities: dict[str, np.ndarray], labels: np.ndarray) -> str:
    """How often the highest score is right, by how high it is; on the diagonal a score means what it says."""
    figure, axes = axes_of(
        "Do scores mean what they say?", "highest score (ECE: how far off on average)", "share that is right"
    )
    axes.plot([0, 1], [0, 1], color="#d8dee4", linewidth=1)
    for name, scores in probabilities.items():
        rows, *sums = by_highest_score(labels, scores, BINS)
        drawn = rows >= FEWEST
        means = [each[drawn] / rows[drawn] for each in sums]
        label = f"{name}, ECE {calibration_error(labels, scores):.3f}"
        axes.plot(*means, "o-", color=COLOURS[name], markersize=4, label=label)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)
