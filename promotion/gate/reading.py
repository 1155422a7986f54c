"""From the tables of a run to the case that the gate decides."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from common.artifacts import EVALUATION, SLICE
from models.evaluation.judging import CHAMPION, STUDENT, Evaluation
from models.evaluation.metrics import Ruler, decide
from promotion.champion import Champion
from promotion.gate.case import Case, Predictions
from promotion.gate.policy import changed_settings


def read_case(
    evaluation: Evaluation,
    scores: pd.DataFrame,
    champion: Champion,
    settings: Mapping[str, Any],
    look: int,
    warnings: Sequence[str],
) -> Case:
    """The case. Where no setting is another than the champion's, the student is a refresh.

    Args:
        scores: the judging rows, as ``Judged.table`` writes them.
        settings: the task's, resolved.
    """
    rows = scores[scores.split == EVALUATION]
    peers = {name: evaluation.peers[name] for name in evaluation.raw_peers}
    models = {}
    for name, values in {**evaluation.models, **peers}.items():
        probabilities = np.stack(rows[name].to_numpy())
        models[name] = Predictions(probabilities, decide(probabilities, values.threshold))
    classes = evaluation.classes
    changed = changed_settings(settings, champion.settings) if CHAMPION in models else {}
    return Case(
        labels=rows.label.to_numpy(),
        groups=rows.group_id.to_numpy(),
        classes=classes,
        ruler=Ruler(evaluation.judge, len(classes), classes.index(evaluation.rarer)),
        models=models,
        peers=list(peers),
        slices={name.removeprefix(SLICE): rows[name].to_numpy() for name in rows if name.startswith(SLICE)},
        policy="refresh" if CHAMPION in models and not changed else "change",
        changed=changed,
        champion=champion.version,
        lost=champion.lost,
        look=look,
        warnings=warnings,
        answers={name: cost for name, cost in ((STUDENT, evaluation.answer), (CHAMPION, champion.answer)) if cost},
    )
