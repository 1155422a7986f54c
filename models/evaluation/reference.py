"""What a served student's inputs and answers looked like when it was judged: what drift is later watched against."""

import numpy as np
import pandas as pd
from pydantic import BaseModel

from common.artifacts import EVALUATION, SLICE
from models.evaluation.judging import STUDENT, Evaluation
from models.evaluation.metrics import decide
from models.evaluation.slices import AT_UPLOAD

DECILES = np.linspace(0, 1, 11)


class Reference(BaseModel, frozen=True, extra="forbid"):
    """Of the evaluation ``rows``: deciles of the student's score of each class, and the share decided on it.

    ``inputs`` are shares of rows by what is known at upload, where that means the same in any rows: by what, by slice.
    """

    rows: int
    score_deciles: dict[str, tuple[float, ...]]
    decided: dict[str, float]
    inputs: dict[str, dict[str, float]]


def reference(scores: pd.DataFrame, evaluation: Evaluation) -> Reference:
    """From the scores of the judging rows, as ``Judged.table`` has them."""
    rows = scores[scores.split == EVALUATION]
    probabilities = np.stack(rows[STUDENT].to_numpy())
    decided = decide(probabilities, evaluation.models[STUDENT].threshold)
    return Reference(
        rows=len(rows),
        score_deciles={
            label: tuple(np.quantile(probabilities[:, index], DECILES).tolist())
            for index, label in enumerate(evaluation.classes)
        },
        decided={label: float((decided == index).mean()) for index, label in enumerate(evaluation.classes)},
        inputs={
            name: {str(key): float(share) for key, share in shares.items()}
            for name in AT_UPLOAD
            if SLICE + name in rows
            for shares in [rows[SLICE + name].value_counts(normalize=True).sort_index()]
        },
    )
