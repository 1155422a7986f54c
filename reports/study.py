"""The page of a study: the paper's tables and figures for one task, with intervals and paired tests."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.distillation import methods
from models.distillation.mappings import MAPPINGS
from models.distillation.named_settings import changed_kind
from models.distillation.settings import DistillationSettings
from models.distillation.soft_targets import SoftTargets
from models.evaluation.metrics import titles
from models.evaluation.peers import PRIVILEGED as PEERS_OF_PRIVILEGED
from models.evaluation.peers import RAW
from models.settings import Judge
from models.studies.statistics import (
    Difference,
    GapClosed,
    Interval,
    compare,
    compare_rows,
    gap_closed,
    measure,
    teacher_loss_table,
)  # fmt: skip
from models.studies.variants import (
    ADDED,
    BASELINE,
    CPFD,
    GENERALISED,
    IN_SAMPLE,
    PFD,
    RIVALS,
    SELF_TRAINING,
    STEPS,
    TEACHER,
    TEMPERATURES,
    VANILLA_KD,
    mapping_name,
    other_teacher,
    own_cpfd,
    temperature_name,
)  # fmt: skip
from reports.plots import study as study_plots
from reports.rendering import render


@dataclass(frozen=True)
class Row:
    """One model of a table: its metrics, what it is better by, and how much of the gap it closes."""

    name: str
    metrics: dict[str, Interval]
    against_baseline: Difference | None
    rows_against_baseline: tuple[float, float] | None
    against_pfd: Difference | None
    gap: dict[str, GapClosed] | None


@dataclass(frozen=True)
class Study:
    """What a study found. ``scores`` is of all labels; ``by_share`` of smaller shares of them."""

    facts: dict[str, Any]
    settings: dict[str, Any]
    targets: SoftTargets
    cost: dict[str, Any]
    scores: pd.DataFrame
    by_share: dict[float, pd.DataFrame]

    def measures(self) -> pd.DataFrame:
        """Every metric by share of labels, model and seed."""
        tables = [measure(self.scores, self.judge).assign(share=1.0)]
        tables += [measure(scores, self.judge).assign(share=share) for share, scores in self.by_share.items()]
        return pd.concat(tables, ignore_index=True)

    @property
    def judge(self) -> Judge:
        return self.settings["judge"]

    @property
    def distillation(self) -> DistillationSettings:
        return DistillationSettings.model_validate(self.settings["distillation"])

    @property
    def cpfd(self) -> methods.CPFD:
        """The method of the models named CPFD."""
        return own_cpfd(self.distillation)


def table(study: Study, measures: pd.DataFrame, names: list[str]) -> list[Row]:
    """Rows for those models that were trained."""
    found, judge = set(measures.model), study.judge
    shown = titles(judge)
    rows = []
    for name in (name for name in names if name in found):
        own = measures[measures.model == name]
        judged = name not in (BASELINE, TEACHER)
        rows.append(
            Row(
                name=name,
                metrics={metric: Interval.of(own[metric].to_numpy()) for metric in shown},
                against_baseline=None if name == BASELINE else compare(measures, name, BASELINE, judge),
                rows_against_baseline=compare_rows(study.scores, name, BASELINE, judge) if judged else None,
                against_pfd=compare(measures, name, PFD, judge) if judged and name != PFD else None,
                gap={metric: gap_closed(measures, name, metric) for metric in shown} if judged else None,
            )
        )
    return rows


def added(study: Study, measures: pd.DataFrame) -> list[tuple[str, str, dict[str, Difference]]]:
    """What each part of the recipe adds: in words, as a difference of two students, by metric."""
    found = set(measures.model)
    return [
        (what, f"{more} less {less}", {metric: compare(measures, more, less, metric) for metric in titles(study.judge)})
        for what, more, less in ADDED
        if {more, less} <= found
    ]


def loss_by_rightness(study: Study) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Table 1: the teacher's mean loss where the PFD student is right and where it is not, by class."""
    losses = teacher_loss_table(study.scores, PFD, study.judge)
    classes = study.settings["classes"]
    rows = []
    for right in (True, False):
        chosen = losses[losses.right == right]
        by_class = [float(chosen[chosen.label == index].teacher_loss.mean()) for index in range(len(classes))]
        count = len(chosen) / losses.seed.nunique()
        rows.append({"right": right, "by_class": by_class, "all": float(chosen.teacher_loss.mean()), "videos": count})
    return losses, rows


def alpha_curves(study: Study) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Figure 5: alpha against the teacher's loss, by mapping, on the labelled training videos."""
    targets = study.distillation.learned(study.targets)
    loss, right = targets.loss[targets.labelled], targets.right[targets.labelled]
    # Up to the 99.5 % quantile, as a few wild losses would press all else into a corner of the plot, and to 0.1 nats at
    # least, as a teacher that is always right would leave no axis; 200 points look smooth on a few inches.
    losses = np.linspace(0, max(float(np.quantile(loss, 0.995)), 0.1), 200)
    curves = {}
    for name in MAPPINGS:
        mapping = changed_kind(study.cpfd.mapping, name, MAPPINGS)
        curves[name] = (losses, mapping.fitted(loss, right, targets.logits.shape[1])(losses))
    return curves


def render_study(study: Study) -> str:
    """The page as HTML text."""
    measures = study.measures()
    full = measures[measures.share == 1.0]
    own = study.cpfd
    losses, rightness = loss_by_rightness(study)
    rivals = [
        *(each.name for each in (*RIVALS, VANILLA_KD, SELF_TRAINING, GENERALISED, IN_SAMPLE)),
        other_teacher(study.distillation).name,
    ]
    other_mappings = [mapping_name(name) for name in MAPPINGS if name != own.mapping.name]
    by_temperature = [CPFD if t == own.temperature else temperature_name(t) for t in TEMPERATURES]
    cost = study.cost
    return render(
        "study.html",
        facts=study.facts,
        settings=json.dumps(study.settings, indent=1),
        slope_given=getattr(own.mapping, "slope", None) is not None,
        classes=study.settings["classes"],
        seeds=int(full[full.model == CPFD].seed.nunique()),
        titles=titles(study.judge),
        judged=titles(study.judge)[study.judge],
        rows=int((study.scores[study.scores.model == TEACHER].split == "evaluation").sum()),
        tables=[
            ("The four models", "table 3", table(study, full, [BASELINE, STEPS, PFD, CPFD, TEACHER])),
            ("What a sceptic would ask for", "rivals", table(study, full, rivals)),
            ("Simple peers on the same rows", "scikit-learn", table(study, full, [*RAW, *PEERS_OF_PRIVILEGED])),
            (
                f"Mappings (CPFD above: {own.mapping.name.replace('_', ' ')})",
                "table 6",
                table(study, full, other_mappings),
            ),
            ("Temperatures", "table 7", table(study, full, by_temperature)),
        ],
        added=added(study, full),
        rightness=rightness,
        cost=cost,
        cost_ratio=cost["teacher"]["flops"] / cost["student"]["flops"],
        time_ratio=(cost["teacher"]["milliseconds"] + cost["dense_features_milliseconds"])
        / cost["student"]["milliseconds"],
        plots=[
            study_plots.bars(full, study.judge, [BASELINE, PFD, CPFD, TEACHER]),
            study_plots.shares(measures),
            study_plots.teacher_losses(losses, study.settings["classes"]),
            study_plots.alphas(alpha_curves(study), study.targets.loss[study.targets.labelled]),
        ],
    )
