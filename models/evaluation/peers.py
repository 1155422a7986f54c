"""Peers: what anyone would try first on the same rows, in seconds, by scikit-learn.

No recipe is worth its cost that is behind them. Their settings are the library's own: nobody has tuned them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from torch import Tensor, nn

from common.artifacts import JUDGING, TRAIN
from models.data.dense import NormalQuantiles, dense_matrix
from models.data.run_data import RunData
from models.data.text import clean
from models.networks.xvlm import XVLMForClassification
from models.training.new_networks import new_classifier
from models.training.prediction import predict_logits
from models.training.settings import Recipe

ALWAYS = "class shares alone"
WORDS = "TF-IDF, logistic regression"
NGRAMS = "TF-IDF with characters, logistic regression"
FRAMES = "frames of the start, logistic regression"
BOTH_RAW = "texts and frames, logistic regression"
BOOSTING = "privileged features, boosting"
LINEAR = "texts and privileged features, logistic regression"
STACKED = "texts and privileged features, stacked boosting"
RAW = (ALWAYS, WORDS, NGRAMS, FRAMES, BOTH_RAW)
PRIVILEGED = (BOOSTING, LINEAR, STACKED)
STACK_FOLDS = 5  # scikit-learn's default
ITERATIONS = 1_000  # of logistic regression: its default of 100 does not always converge


@dataclass(frozen=True)
class Inputs:
    """What peers read of all rows, as matrices (N, anything); ``scaled`` are dense values for a linear model."""

    words: Any
    ngrams: Any
    frames: np.ndarray | None
    dense: np.ndarray
    scaled: np.ndarray


def peer_scores(data: RunData, features: Path, settings: Recipe, seed: int) -> pa.Table:
    """The judging rows: ``video_id``, and class probabilities by every peer that can read something of this task.

    Args:
        features: the privileged artifact.
    """
    judging = data.frame.video_id[data.frame.split.isin(JUDGING)]
    probabilities = _probabilities(data, features, settings, seed)
    columns = {name: values.tolist() for name, values in probabilities.items()}
    return pa.table({"video_id": list(judging), **columns})


def _probabilities(data: RunData, features: Path, settings: Recipe, seed: int) -> dict[str, np.ndarray]:
    frame = data.frame
    train = np.flatnonzero(frame.split == TRAIN)
    judging = np.flatnonzero(frame.split.isin(JUDGING))
    labels = data.videos.labels.numpy()[train]
    inputs = _inputs(data, features, settings, train, seed)
    scores = {ALWAYS: np.tile(np.bincount(labels, minlength=len(settings.classes)) / len(labels), (len(judging), 1))}

    def fitted(name: str, model: Any, values: Any) -> None:
        if values is not None and values.shape[1]:
            scores[name] = model.fit(values[train], labels).predict_proba(values[judging])

    fitted(WORDS, _linear(), inputs.words)
    fitted(NGRAMS, _linear(), inputs.ngrams)
    if inputs.frames is not None:
        fitted(FRAMES, make_pipeline(StandardScaler(), _linear()), inputs.frames)
        if inputs.ngrams is not None:
            fitted(BOTH_RAW, _linear(), sparse.hstack([inputs.ngrams, _scaled(inputs.frames, train)], format="csr"))
    fitted(BOOSTING, _trees(seed), inputs.dense)
    raw = inputs.frames if inputs.ngrams is None else inputs.ngrams
    if raw is not None and inputs.dense.shape[1]:
        scores |= _both(raw, inputs, train, judging, labels, seed)
    return scores


def _both(
    raw: Any, inputs: Inputs, train: np.ndarray, judging: np.ndarray, labels: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """The peers that a teacher should reach: raw input and privileged features together."""
    joined = sparse.hstack([sparse.csr_matrix(raw), inputs.scaled], format="csr")
    linear = make_pipeline(MaxAbsScaler(), _linear()).fit(joined[train], labels)
    inside = cross_val_predict(_linear(), raw[train], labels, cv=STACK_FOLDS, method="predict_proba")
    outside = _linear().fit(raw[train], labels).predict_proba(raw[judging])
    stacked = _trees(seed).fit(np.hstack([inputs.dense[train], inside]), labels)
    return {
        LINEAR: linear.predict_proba(joined[judging]),
        STACKED: stacked.predict_proba(np.hstack([inputs.dense[judging], outside])),
    }


def _linear() -> LogisticRegression:
    return LogisticRegression(max_iter=ITERATIONS)


def _trees(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(random_state=seed)


def _scaled(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    return StandardScaler().fit(values[train]).transform(values)


def _inputs(data: RunData, features: Path, settings: Recipe, train: np.ndarray, seed: int) -> Inputs:
    frame = data.frame
    texts = None
    if read := [name for name in ("title", "overlay_text") if name in settings.modalities]:
        texts = [" ".join(clean(text) for text in row) for row in frame[read].fillna("").to_numpy()]
    dense, _ = dense_matrix(features, data.videos.video_ids)
    quantiles = NormalQuantiles(seed).fit(dense[train])
    return Inputs(
        words=_weighted(texts, TfidfVectorizer, train),
        ngrams=_weighted(texts, _words_and_characters, train),
        frames=_pooled_frames(data, settings, seed),
        dense=quantiles.values(dense),
        scaled=quantiles.transform(dense),
    )


def _words_and_characters() -> Any:
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return make_union(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), characters)


def _weighted(texts: list[str] | None, vectorizer: Callable[[], Any], train: np.ndarray) -> Any:
    """TF-IDF (N, terms) of the training rows' terms; None where there is not a word in them."""
    if texts is None or not any(texts[row].strip() for row in train):
        return None
    try:
        return sparse.csr_matrix(vectorizer().fit([texts[row] for row in train]).transform(texts))
    except ValueError:  # scikit-learn's "empty vocabulary": texts of single letters
        return None


class _PooledFrames(nn.Module):
    """Mean and standard deviation of a clip's visual tokens, as a network that ``predict_logits`` runs."""

    inputs = ("frames",)

    def __init__(self, network: XVLMForClassification) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        tokens = self.network.xvlm.visual_tokens(frames)
        return torch.cat([tokens.mean(1), tokens.std(1)], dim=1)


def _pooled_frames(data: RunData, settings: Recipe, seed: int) -> np.ndarray | None:
    """(N, 2 x width) of the vision tower that baseline and student start from, before any training."""
    if "frames" not in settings.modalities:
        return None
    pooled = _PooledFrames(new_classifier(data, settings, seed))
    return predict_logits(pooled, data.videos, settings.training.batch_size, settings.training.workers)
