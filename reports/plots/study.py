"""The plots of a study, as SVG text."""

import numpy as np
import pandas as pd

from models.evaluation.metrics import titles
from models.settings import Judge
from models.studies.statistics import Interval
from models.studies.variants import BASELINE, CPFD, PFD
from reports.plots.figures import BINS, COLOURS, axes_of, svg

MODEL_COLOURS = {BASELINE: COLOURS["baseline"], PFD: "#57ab5a", CPFD: COLOURS["student"], "teacher": COLOURS["teacher"]}


def bars(measures: pd.DataFrame, judge: Judge, names: list[str]) -> str:
    """The first two metrics of the four models with their intervals over seeds, a dot a seed."""
    shown = list(titles(judge).items())[:2]  # three bars a model would be too thin to read
    figure, axes = axes_of(" and ".join(title for _, title in shown), "", "with 95 % interval over seeds")
    for position, name in enumerate(names):
        own = measures[measures.model == name]
        for shift, ((metric, _), hatch) in enumerate(zip(shown, ("", "//"), strict=True)):
            value = Interval.of(own[metric].to_numpy())
            x = position + 0.4 * shift - 0.2
            axes.bar(x, value.mean, 0.38, color=MODEL_COLOURS[name], hatch=hatch, edgecolor="white")
            axes.errorbar(x, value.mean, yerr=np.nan_to_num(value.half), color="#1f2328", capsize=3)
            axes.plot(np.full(len(own), x), own[metric], ".", color="#1f2328", markersize=3)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, 1)
    return svg(figure)


def shares(measures: pd.DataFrame) -> str:
    """ROC-AUC by the share of the training videos that have a label. The axis is cut to where the values lie."""
    figure, axes = axes_of("Fewer labels", "share of the labels", "ROC-AUC, with 95 % interval; not from zero")
    ends: list[float] = []
    for name, colour in MODEL_COLOURS.items():
        points = sorted(measures[measures.model == name].groupby("share"))
        values = [Interval.of(each.roc_auc.to_numpy()) for _, each in points]
        places = [float(share) for share, _ in points]
        halves = np.nan_to_num([value.half for value in values])
        axes.errorbar(
            places, [v.mean for v in values], yerr=halves, color=colour, marker="o", markersize=4, capsize=3, label=name
        )
        ends += [value.mean + side * half for value, half in zip(values, halves, strict=True) for side in (-1, 1)]
    axes.set_ylim(max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02))
    axes.set_xscale("log", base=2)
    axes.set_xticks([0.125, 0.25, 0.5, 1.0], ["1/8", "1/4", "1/2", "all"])
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def teacher_losses(losses: pd.DataFrame, classes: list[str]) -> str:
    """The teacher's loss where the PFD student is right and wrong, by class (figure 3)."""
    figure, axes = axes_of("Teacher's loss on evaluation videos", "", "cross-entropy with the label")
    places: list[int] = []
    labels: list[str] = []
    for index, name in enumerate(classes):
        for right in (True, False):
            values = losses[(losses.label == index) & (losses.right == right)].teacher_loss
            if len(values):
                places.append(len(places))
                labels.append(f"{name}\n{'right' if right else 'wrong'}")
                box = axes.boxplot(values, positions=[places[-1]], widths=0.6, showfliers=False, patch_artist=True)
                box["boxes"][0].set_facecolor(COLOURS["student"] if right else COLOURS["teacher"])
                box["medians"][0].set_color("white")
    axes.set_xticks(places, labels, fontsize=7)
    return svg(figure)


def alphas(curves: dict[str, tuple[np.ndarray, np.ndarray]], losses: np.ndarray) -> str:
    """Alpha against the teacher's loss, by mapping (figure 5), over where the training videos lie."""
    figure, axes = axes_of("Trust in the teacher", "teacher's loss on the video", "alpha")
    longest = max(float(x[-1]) for x, _ in curves.values())
    weights = np.full(len(losses), 1 / len(losses))
    axes.hist(np.minimum(losses, longest), bins=BINS, weights=weights, color="#d8dee4", label="share of the videos")
    styles = dict(zip(curves, ("-", "--", ":", "-."), strict=False))
    for name, (x, y) in curves.items():
        axes.plot(x, y, styles[name], label=name.replace("_", " "))
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)
