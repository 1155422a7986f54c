"""EVIDENCE.md out of the scores of the protocol."""

import math
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from common.source import code_version
from models.evaluation.metrics import titles
from models.evaluation.peers import PRIVILEGED as PRIVILEGED_PEERS
from models.evaluation.peers import RAW
from models.studies.statistics import Interval, compare, gap_closed, holm, measure
from models.studies.variants import ADDED, BASELINE, CPFD, PFD, TEACHER, VANILLA_KD

# The metric that is judged and the first one that needs no threshold: with more, the table is too wide to read.
TITLES = titles("f1")  # the default measure, which every task here is judged by
JUDGED, *_ = TITLES
SHOWN = list(TITLES)[:2]
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


def page(scores: dict[Data, pd.DataFrame], seeds: int) -> str:
    """The document: where the figures come from, a summary, a table a task, and what we make of it."""
    measured = {data: measure(each) for data, each in scores.items()}
    parts = [
        "# Evidence",
        f"Made by `make evidence` at {code_version()}, seeds 0 to {seeds - 1}; {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}.",
        "The protocol is `benchmarks/evidence.py`. **Simulated** rows say that the machine works and nothing of real "
        "videos. ± is the 95 % interval of the mean over seeds (Student's t); p is of the paired t-test over seeds, "
        "not corrected for the number of comparisons; a share of the gap is (student - baseline) / (teacher - "
        "baseline) of the means, not cut to 100 %, with the 95 % interval of resampled seeds. F1 is judged at a "
        "threshold (or a correction of the prior) chosen on other rows. With five seeds, intervals are wide.",
        "## CPFD in short",
        _summary(measured),
        "## What is claimed",
        "CPFD against its baseline, against the peer of raw input that is best by this measure on these very rows, and "
        "against vanilla KD, whose teachers are as many and see raw input alone.",
        _claims(measured),
        *(_section(data, measured[data], scores[data]) for data in scores),
        NOTES.read_text().strip(),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(measured: dict[Data, pd.DataFrame]) -> str:
    against = [f"{TITLES[metric]} against {other}" for metric in SHOWN for other in (BASELINE, PFD)]
    lines = _head(["task", *against, *(f"gap closed, {TITLES[metric]}" for metric in SHOWN)])
    for data, measures in measured.items():
        found = [_difference(measures, CPFD, other, metric) for metric in SHOWN for other in (BASELINE, PFD)]
        gaps = [_gap(measures, CPFD, metric) for metric in SHOWN]
        lines.append(f"| {_title(data)} | {' | '.join(found + gaps)} |")
    return "\n".join(lines)


def _section(data: Data, measures: pd.DataFrame, scores: pd.DataFrame) -> str:
    first = scores[(scores.model == BASELINE) & (scores.seed == 0)]
    rows = int((first.split == "evaluation").sum())
    gaps = [f"gap closed, {TITLES[metric]}" for metric in SHOWN]
    lines = _head(["model", *TITLES.values(), f"{TITLES[JUDGED]} against {BASELINE}", *gaps])
    for model in dict.fromkeys(measures.model):
        own = measures[measures.model == model]
        cells = [_value(Interval.of(own[metric].to_numpy())) for metric in TITLES]
        cells.append("" if model == BASELINE else _difference(measures, model, BASELINE, JUDGED))
        judged = model not in (BASELINE, *RAW, *PRIVILEGED_PEERS) and not model.startswith(TEACHER)
        cells += [_gap(measures, model, metric) if judged else "" for metric in SHOWN]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    found = set(measures.model)
    added = _head(["what it adds", "", *(TITLES[metric] for metric in SHOWN)])
    for what, more, less in ADDED:
        if {more, less} <= found:
            cells = [_difference(measures, more, less, metric) for metric in SHOWN]
            added.append(f"| {what} | {more} less {less} | {' | '.join(cells)} |")
    return "\n".join([f"## {_title(data)}", "", f"{rows} evaluation rows (seed 0).", "", *lines, "", *added])


def _claims(measured: dict[Data, pd.DataFrame]) -> str:
    """Whether the student is above its baseline, the sceptic's best peer, and a student without privilege."""
    rows = []
    for data, measures in measured.items():
        peers = measures[measures.model.isin(RAW)].groupby("model")
        for metric in SHOWN:
            best = str(peers[metric].mean().idxmax())
            for against in (BASELINE, best, VANILLA_KD.name):
                cell = _difference(measures, CPFD, against, metric)
                p_value = compare(measures, CPFD, against, metric).p_value
                rows.append((f"| {_title(data)} | {TITLES[metric]} | {against} | {cell} |", p_value))
    corrected = holm([p_value for _, p_value in rows])
    lines = [f"{row} {p:.2g} |" for (row, _), p in zip(rows, corrected, strict=True)]
    return "\n".join([*_head(["task", "", "CPFD less", "difference", "p, Holm over this table"]), *lines])


def _head(columns: list[str]) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"| {' | '.join(['---'] * len(columns))} |"]


def _title(data: Data) -> str:
    return f"{data.name} (**simulated**)" if data.simulated else f"{data.name} (real)"


def _value(value: Interval) -> str:
    return f"{value.mean:.4f}" + ("" if math.isnan(value.half) else f" ± {value.half:.4f}")


def _difference(measures: pd.DataFrame, model: str, against: str, metric: str) -> str:
    found = compare(measures, model, against, metric)
    over = found.over_seeds
    spread = "" if math.isnan(over.half) else f" ± {over.half:.4f}"
    return f"{over.mean:+.4f}{spread}" + ("" if math.isnan(found.p_value) else f" (p {found.p_value:.2g})")


def _gap(measures: pd.DataFrame, model: str, metric: str) -> str:
    found = gap_closed(measures, model, metric)
    if found.share is None:
        return "no gap"
    if found.interval is None:
        return f"{found.share:.0%} (no interval: the gap itself may be none)"
    return f"{found.share:.0%} ({found.interval[0]:.0%} to {found.interval[1]:.0%})"
