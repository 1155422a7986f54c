"""Moderated short videos as texts: tags as two classes, and what is said in a video as a privileged score.

The teacher reads numbers, so the speech becomes the probability of a violation that a model of the speech alone gives.
That model learns from labels, and only from those of the training rows of the split that the task draws with this
seed: a score is of one split, and another seed needs another preparation.
"""

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from common.artifacts import TRAIN
from corpus.splitting import assign_splits
from pipelines.task import load_task

COLUMNS = ("pid", "tag", "title", "OCR", "ASR")
FINE_TAG = "正向"
VIOLATING, FINE = "violating", "fine"
ABSENT = "null"  # how the data writes that there is no such text
FOLDS = 10


def kuaimod_tables(items: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """``items`` (item_id, title, overlay_text, label) and ``speech`` (item_id, features), a row a video."""
    label = np.where(items.tag == FINE_TAG, FINE, VIOLATING)
    named = pd.DataFrame(
        {"item_id": items.pid, "title": _text(items["title"]), "overlay_text": _text(items["OCR"]), "label": label}
    )
    speech = _text(items["ASR"])
    scores = speech_scores(speech, label == VIOLATING, training_rows(items.pid, label, seed), seed)
    features = {"violation_score": scores, "characters": speech.str.len(), "has_speech": (speech != "").astype(int)}
    return {"items": named, "speech": pd.DataFrame({"item_id": items.pid, **features})}


def training_rows(ids: pd.Series, label: np.ndarray, seed: int) -> np.ndarray:
    """Whether each video (N,) is a training row of the task ``violating`` with this seed."""
    rows = pd.DataFrame({"video_id": ids.astype(str), "label": label, "group_id": None})
    return assign_splits(rows, load_task("violating").window, seed) == TRAIN


def speech_scores(speech: pd.Series, violating: np.ndarray, training: np.ndarray, seed: int) -> np.ndarray:
    """The probability of a violation (N,) by the speech alone; NaN where nothing is said, which is its own feature.

    A training row is scored by the model of the folds that it is not in, every other row by the mean of all models.
    Folds are drawn without a look at labels, so that no label has a part in the score of its own row. As in any
    stacking, it has one in the scores of other training rows.
    """
    texts, spoken = speech.to_numpy(), (speech != "").to_numpy()
    learning, others = np.flatnonzero(spoken & training), np.flatnonzero(spoken & ~training)
    scores = np.full(len(texts), np.nan)
    scores[others] = 0
    for fitted, held_out in KFold(FOLDS, shuffle=True, random_state=seed).split(learning):
        model = make_pipeline(
            TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True),
            LogisticRegression(C=10, max_iter=1000),
        )
        model.fit(texts[learning[fitted]], violating[learning[fitted]])
        scores[learning[held_out]] = model.predict_proba(texts[learning[held_out]])[:, 1]
        if len(others):
            scores[others] += model.predict_proba(texts[others])[:, 1] / FOLDS
    return scores


def _text(values: pd.Series) -> pd.Series:
    return values.where(values != ABSENT, "").fillna("").str.strip()
