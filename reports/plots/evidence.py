"""The report's plots, as SVG text."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from models.evaluation.judging import Evaluation
from models.evaluation.metrics import JUDGES
from promotion.gate.verdict import Part
from reports.plots.figures import BINS, COLOURS, axes_of, svg

Probabilities = dict[str, np.ndarray]


def judged_bars(evaluation: Evaluation) -> str:
    """The metric that is judged, of each model, with its 95 % interval."""
    title = JUDGES[evaluation.judge].title
    figure, axes = axes_of(f"{title} on the evaluation rows", "", f"{title}, with 95 % interval")
    for position, (name, values) in enumerate(evaluation.models.items()):
        low, high = values.interval
        error = [[max(values.judged - low, 0)], [max(high - values.judged, 0)]]
        axes.bar(position, values.judged, color=COLOURS[name], yerr=error, capsize=5, width=0.6)
    axes.set_xticks(range(len(evaluation.models)), list(evaluation.models))
    axes.set_ylim(0, 1)
    return svg(figure)


def slices(parts: Sequence[Part], judged: str, reference: str) -> str:
    """What the student wins or loses in each slice, with its 95 % interval: a forest plot."""
    figure, axes = axes_of(f"{judged} by slice", f"student less {reference}, with 95 % interval", "")
    for place, part in enumerate(reversed(parts)):
        low, high = part.interval
        axes.plot([low, high], [place, place], color=COLOURS["student"], linewidth=1.5)
        axes.plot(part.difference, place, "o", color=COLOURS["student"], markersize=5)
    axes.axvline(0, color=COLOURS["baseline"], linewidth=1)
    named = [f"{part.name} ({part.rows})" for part in reversed(parts)]
    axes.set_yticks(range(len(parts)), named, fontsize=8)
    return svg(figure)


def curves(probabilities: Probabilities, labels: np.ndarray, classes: int) -> tuple[str, str]:
    """ROC and precision-recall curves; over all (row, class) pairs if there are more than two classes."""
    roc_figure, roc = axes_of("ROC", "false positive rate", "true positive rate")
    pr_figure, pr = axes_of("Precision and recall", "recall", "precision")
    for name in probabilities:
        if classes == 2:
            truth, scores = labels == 1, probabilities[name][:, 1]
        else:
            truth, scores = np.eye(classes, dtype=bool)[labels].ravel(), probabilities[name].ravel()
        x, y, _ = roc_curve(truth, scores)
        precision, recall, _ = precision_recall_curve(truth, scores)
        roc.plot(x, y, color=COLOURS[name], label=name)
        pr.plot(recall, precision, color=COLOURS[name], label=name)
    for axes in (roc, pr):
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False)
    return svg(roc_figure), svg(pr_figure)


def learning_curves(histories: dict[str, list[dict[str, float]]]) -> str:
    """The named loss terms of baseline and student over epochs."""
    figure, axes = axes_of("Loss terms in training", "epoch", "mean over rows")
    styles = {"loss": "-", "label_loss": "--", "soft_target_loss": ":"}
    for name, history in histories.items():
        for term, style in styles.items():
            if term in history[0] and not (name == "baseline" and term == "label_loss"):
                epochs = [row["epoch"] for row in history]
                label = f"{name}: {term.replace('_', ' ')}"
                axes.plot(epochs, [row[term] for row in history], style, color=COLOURS[name], label=label)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def alpha_curve(teacher_loss: np.ndarray, alphas: np.ndarray) -> str:
    """Alpha against the teacher's loss on labelled training rows (the paper's figure 5), and where rows lie."""
    figure, axes = axes_of("Trust in the teacher", "teacher's loss on the video", "")
    shares = np.full(len(teacher_loss), 1 / len(teacher_loss))
    axes.hist(
        teacher_loss, bins=BINS, weights=shares, color=COLOURS["teacher"], alpha=0.45, label="share of the videos"
    )
    order = np.argsort(teacher_loss)
    axes.plot(teacher_loss[order], alphas[order], color=COLOURS["student"], label="alpha")
    axes.legend(frameon=False)
    axes.set_ylim(0, 1)
    return svg(figure)
