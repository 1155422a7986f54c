"""EVIDENCE.md out of the scores of the protocol."""

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import torch

from common.source import code_version
from models.evaluation.metrics import titles
from models.evaluation.peers import LINEAR, RAW, STACKED, WORDS
from models.evaluation.peers import PRIVILEGED as PRIVILEGED_PEERS
from models.settings import Judge
from models.studies.statistics import Difference, Interval, compare, gap_closed, holm, measure, median_gap
from models.studies.variants import ADDED, BASELINE, CONTROLS, CPFD, PFD, TEACHER, VANILLA_KD
from pipelines.task import load_task

TRUE_LABELS = "true labels on all rows"  # a baseline that no student of the same rows should be above
NOTES = Path(__file__).with_name("evidence_notes.md")


@dataclass(frozen=True)
class Data:
    """A task to judge on. ``source`` is the folder of real data an import mapping reads; None is simulated.

    ``labels`` is the share of the training rows that keep their label; the others count as unlabelled.
    ``judged_by`` names labels of the corpus that evaluation rows have instead of the task's own; None: those.
    """

    task: str
    source: str | None = None
    mapping: str | None = None
    months: int = 3
    labels: float = 1.0
    judged_by: str | None = None

    @property
    def name(self) -> str:
        share = "" if self.labels == 1 else f", labels on {self.labels:.0%}"
        return f"{self.task}{share}" + ("" if self.judged_by is None else f", judged by {self.judged_by}")

    @property
    def simulated(self) -> bool:
        return self.source is None


@dataclass(frozen=True)
class Result:
    """The scores of a task, and by what it is judged."""

    data: Data
    judge: Judge
    scores: pd.DataFrame

    @cached_property
    def measures(self) -> pd.DataFrame:
        return measure(self.scores, self.judge)

    @property
    def titles(self) -> dict[str, str]:
        return titles(self.judge)

    @property
    def shown(self) -> list[str]:
        """The metric that judges and the first that needs no threshold: with more, tables are too wide to read."""
        return list(self.titles)[:2]


def page(scores: dict[Data, pd.DataFrame]) -> str:
    """The document: where the figures come from, a summary, a table a task, and what we make of it."""
    results = [Result(data, load_task(data.task).judge, each) for data, each in scores.items()]
    parts = [
        "# Evidence",
        f"Made by `benchmarks.evidence` at {code_version()}; {os.cpu_count()} cores, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}.",
        "The protocol is `benchmarks/evidence.py`. **Simulated** rows say that the machine works and nothing of real "
        "videos. A task is judged by what its file says (`judge`), at a threshold (or a correction of the prior) "
        "chosen on other rows. ± is the 95 % interval of the mean over seeds (Student's t); p is of the paired t-test "
        "over seeds, not corrected for the number of comparisons except where the table says so. With few seeds, "
        "intervals are wide.",
        "## The student in short",
        _summary(results),
        "## What is claimed",
        "Each cell is a difference with its p-value, corrected for all cells of this table (Holm 1979). A peer or a "
        "control is, measure by measure, the one that is best on these very rows. Controls are the students that see "
        f"no privileged feature: {', '.join(CONTROLS)}.",
        _claims(results),
        *(_section(result) for result in results),
        NOTES.read_text().strip(),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(results: list[Result]) -> str:
    """How much of the way from baseline to teacher the student goes, task by task and over all."""
    gaps_of = ["gap closed", "gap closed, ROC-AUC", TRUE_LABELS]
    lines = _head(["task", "seeds", "judged by", "baseline", "CPFD", "teacher", *gaps_of])
    for result in results:
        measures, judged = result.measures, result.shown[0]
        means = [f"{measures[measures.model == name][judged].mean():.4f}" for name in (BASELINE, CPFD, TEACHER)]
        gaps = [_gap(measures, CPFD, metric) for metric in result.shown]
        known = TRUE_LABELS in set(measures.model)
        gaps.append(_gap(measures, TRUE_LABELS, result.shown[1]) if known else "the baseline's")
        seeds = str(measures.seed.nunique())
        lines.append(f"| {' | '.join([_title(result.data), seeds, result.titles[judged], *means, *gaps])} |")
    medians = []
    for position, name in enumerate(("the judged measure", "ROC-AUC")):
        found = median_gap([(result.measures, result.shown[position]) for result in results], CPFD)
        if found is not None:
            medians.append(f"{name} {found.share:.0%} ({_range(found.interval)}, {found.tasks} tasks)")
    said = f"Medians over the tasks whose gap is certain: {', '.join(medians)}." if medians else ""
    how = (
        "A share of the gap is (student - baseline) / (teacher - baseline) of the means, not cut to 100 %, with the "
        f"95 % interval of resampled seeds; the last column is the same for a baseline of {TRUE_LABELS} that the "
        "student learns from, on ROC-AUC."
    )
    return "\n".join([*lines, "", f"{how} {said}".strip()])


def _section(result: Result) -> str:
    measures, titles, judged = result.measures, result.titles, result.shown[0]
    first = result.scores[(result.scores.model == BASELINE) & (result.scores.seed == 0)]
    rows = int((first.split == "evaluation").sum())
    gaps = [f"gap closed, {titles[metric]}" for metric in result.shown]
    lines = _head(["model", *titles.values(), f"{titles[judged]} against {BASELINE}", *gaps])
    for model in dict.fromkeys(measures.model):
        own = measures[measures.model == model]
        cells = [_value(Interval.of(own[metric].to_numpy())) for metric in titles]
        cells.append("" if model == BASELINE else _difference(measures, model, BASELINE, judged))
        learns = model not in (BASELINE, *RAW, *PRIVILEGED_PEERS) and not model.startswith(TEACHER)
        cells += [_gap(measures, model, metric) if learns else "" for metric in result.shown]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    found = set(measures.model)
    added = _head(["what it adds", "", *(titles[metric] for metric in result.shown)])
    for what, more, less in ADDED:
        if {more, less} <= found:
            cells = [_difference(measures, more, less, metric) for metric in result.shown]
            added.append(f"| {what} | {more} less {less} | {' | '.join(cells)} |")
    return "\n".join([f"## {_title(result.data)}", "", f"{rows} evaluation rows (seed 0).", "", *lines, "", *added])


# What a student worth serving has to show: a title, who, and against which of whom, measure by measure.
CLAIMS = (
    ("baseline less TF-IDF, logistic regression", BASELINE, (WORDS,)),
    ("teacher less the better combined peer", TEACHER, (LINEAR, STACKED)),
    ("CPFD less baseline", CPFD, (BASELINE,)),
    ("CPFD less the best raw-only peer", CPFD, RAW),
    ("CPFD less the best control", CPFD, CONTROLS),
    ("CPFD less vanilla KD", CPFD, (VANILLA_KD.name,)),
    ("PFD less vanilla KD", PFD, (VANILLA_KD.name,)),
)


def _claims(results: list[Result]) -> str:
    """A row a task and measure, a column a claim."""
    rows, found, p_values = [], [], []
    for result in results:
        for metric in result.shown:
            rows.append(f"{_title(result.data)}, {result.titles[metric]}")
            for _, model, rivals in CLAIMS:
                against = _best(result.measures, rivals, metric)
                found.append(None if against is None else compare(result.measures, model, against, metric))
                p_values.append(math.nan if found[-1] is None else found[-1].p_value)
    corrected = zip(found, holm(p_values), strict=True)
    cells = ["none of these" if each is None else _said(each, p_value) for each, p_value in corrected]
    lines = _head(["task, measure", *(title for title, *_ in CLAIMS)])
    for position, row in enumerate(rows):
        lines.append(f"| {row} | {' | '.join(cells[position * len(CLAIMS) :][: len(CLAIMS)])} |")
    return "\n".join(lines)


def _best(measures: pd.DataFrame, names: Sequence[str], metric: str) -> str | None:
    """Of the models of these names the one with the highest mean; None if there is none, as without texts to read."""
    means = measures[measures.model.isin(names)].groupby("model")[metric].mean()
    return None if means.empty else str(means.idxmax())


def _head(columns: list[str]) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"| {' | '.join(['---'] * len(columns))} |"]


def _title(data: Data) -> str:
    return f"{data.name} (**simulated**)" if data.simulated else f"{data.name} (real)"


def _value(value: Interval) -> str:
    return f"{value.mean:.4f}" + ("" if math.isnan(value.half) else f" ± {value.half:.4f}")


def _difference(measures: pd.DataFrame, model: str, against: str, metric: str) -> str:
    found = compare(measures, model, against, metric)
    return _said(found, found.p_value)


def _said(found: Difference, p_value: float) -> str:
    over = found.over_seeds
    spread = "" if math.isnan(over.half) else f" ± {over.half:.4f}"
    return f"{over.mean:+.4f}{spread}" + ("" if math.isnan(p_value) else f" (p {p_value:.2g})")


def _gap(measures: pd.DataFrame, model: str, metric: str) -> str:
    found = gap_closed(measures, model, metric)
    if found.share is None:
        return "no gap"
    if found.interval is None:
        return f"{found.share:.0%} (no interval: the gap itself may be none)"
    return f"{found.share:.0%} ({_range(found.interval)})"


def _range(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.0%} to {interval[1]:.0%}"
