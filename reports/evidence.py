"""The report: all evidence of a run on one page that needs nothing else to be shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from common.artifacts import ALPHAS_FILE, CONSTANTS_FILE, COST_FILE, EVALUATION, HISTORY_FILE
from models.data.dataset import open_clips
from models.evaluation.judging import Evaluation, reference_of
from models.evaluation.metrics import titles
from models.training.settings import Recipe
from promotion.gate.verdict import Verdict
from reports.disagreements import Disagreement, disagreements
from reports.plots import evidence as plots
from reports.plots.scores import histogram, reliability
from reports.rendering import render
from reports.thresholds import STEPS, counts_by_threshold


@dataclass(frozen=True)
class Evidence:
    """What a run found out. ``probabilities`` and ``labels`` are of the evaluation rows."""

    facts: dict[str, Any]
    settings: dict[str, Any]
    recipe: Recipe
    set_aside: dict[str, int]
    evaluation: Evaluation
    probabilities: plots.Probabilities
    labels: np.ndarray
    disagreements: list[Disagreement]
    teacher_loss: np.ndarray
    alphas: np.ndarray
    histories: dict[str, list[dict[str, float]]]
    constants: dict[str, float]
    costs: dict[str, dict[str, Any]]

    @classmethod
    def read(
        cls,
        facts: dict[str, Any],
        settings: dict[str, Any],
        evaluation: Evaluation,
        scores: Path,
        set_aside: list[Path],
        networks: dict[str, Path],
        catalogue: Path,
        clips: Path,
    ) -> "Evidence":
        """From the run's artifacts."""
        recipe = Recipe.model_validate({name: settings[name] for name in Recipe.model_fields})
        reasons = pd.concat([pq.read_table(path)["reason"].to_pandas() for path in set_aside]).str.split(":").str[0]
        table = pq.read_table(scores).to_pandas()
        judging = table[table.split == EVALUATION]
        alphas = pq.read_table(networks["student"] / ALPHAS_FILE).to_pandas().dropna()  # those of labelled videos
        return cls(
            facts=facts,
            settings=settings,
            recipe=recipe,
            set_aside={str(reason): int(count) for reason, count in reasons.value_counts().items()},
            evaluation=evaluation,
            probabilities={name: np.stack(judging[name].to_numpy()) for name in evaluation.models},
            labels=judging.label.to_numpy(),
            disagreements=disagreements(
                judging,
                pq.read_table(catalogue, columns=["video_id", "title", "overlay_text"]).to_pandas(),
                evaluation,
                reference_of(evaluation.models),
                open_clips(clips, recipe),
            ),
            teacher_loss=alphas.teacher_loss.to_numpy(),
            alphas=alphas.alpha.to_numpy(),
            histories={name: json.loads((folder / HISTORY_FILE).read_text()) for name, folder in networks.items()},
            constants=json.loads((networks["student"] / CONSTANTS_FILE).read_text()),
            costs={name: json.loads((folder / COST_FILE).read_text()) for name, folder in networks.items()},
        )


def render_report(evidence: Evidence, verdict: Verdict, warnings: Sequence[str]) -> str:
    """The page as HTML text; ``warnings`` are those of the checks of the raw window.

    What a single run adds to it (its name, its start, the checks of its features) is put in by ``publishing``.
    """
    roc, precision_recall = plots.curves(evidence.probabilities, evidence.labels, len(evidence.evaluation.classes))
    return render(
        "evidence.html",
        facts=evidence.facts,
        settings=json.dumps(evidence.settings, indent=1),
        recipe=evidence.recipe,
        set_aside=evidence.set_aside,
        evaluation=evidence.evaluation,
        titles=titles(evidence.evaluation.judge),
        judged=evidence.evaluation.judge,
        models=list(evidence.evaluation.models.items()),
        peers=list(evidence.evaluation.peers.items()),
        verdict=verdict,
        warnings=warnings,
        constants=evidence.constants,
        costs=evidence.costs,
        slider=_slider(evidence),
        disagreements=evidence.disagreements,
        reference=reference_of(evidence.evaluation.models),
        plots=[
            plots.judged_bars(evidence.evaluation),
            *_slices(evidence, verdict),
            roc,
            precision_recall,
            histogram(evidence.probabilities["student"], evidence.labels, evidence.evaluation.classes),
            reliability(evidence.probabilities, evidence.labels),
            plots.learning_curves(evidence.histories),
            plots.alpha_curve(evidence.teacher_loss, evidence.alphas),
        ],
    )


def _slices(evidence: Evidence, verdict: Verdict) -> list[str]:
    """The plot of the slices, if any were judged."""
    evaluation, parts = evidence.evaluation, [part for check in verdict.checks for part in check.parts]
    title = titles(evaluation.judge)[evaluation.judge]
    return [plots.slices(parts, title, reference_of(evaluation.models))] if parts else []


def _slider(evidence: Evidence) -> dict[str, Any] | None:
    """What the threshold's slider needs; more than two classes have no threshold."""
    evaluation = evidence.evaluation
    threshold = evaluation.models["student"].threshold
    if not isinstance(threshold, float):
        return None
    scores, positive = evidence.probabilities["student"][:, 1], evidence.labels == 1
    return {
        "counts": counts_by_threshold(scores, positive, np.linspace(0, 1, STEPS + 1)),
        "steps": STEPS,
        "at": round(threshold * STEPS),
        "threshold": threshold,
        "now": counts_by_threshold(scores, positive, np.array([threshold]))[0],
        "looked_for": evaluation.classes[1],
    }
