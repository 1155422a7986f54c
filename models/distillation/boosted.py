"""The boosted teacher: what a raw network says of a video out of fold, and dense values, to class probabilities.

It is fitted again whenever it is asked, which takes seconds: nothing of scikit-learn's is ever stored.
"""

from typing import Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from models.data.dense import NormalQuantiles

LEAST_PROBABILITY = 1e-6  # so that logits stay finite; no loss above 14 nats tells more than one of 14


class BoostedTeacher:
    """The mean probability of two models of dense values and raw logits.

    Gradient boosting finds what values mean together; logistic regression takes few rows well, and goes on where the
    trees end. Trees are shallow: with labels as noisy as those of reviewers, deeper ones learn the noise.

    Args:
        balanced: weigh rows by inverse class frequency.
    """

    def __init__(self, seed: int, balanced: bool = False) -> None:
        self.balanced = balanced
        self.trees = HistGradientBoostingClassifier(
            max_iter=150, learning_rate=0.05, max_depth=3, min_samples_leaf=20, l2_regularization=1.0,
            early_stopping=False, random_state=seed,
        )  # fmt: skip
        self.quantiles = NormalQuantiles(seed)
        self.linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))

    def fit(self, dense: np.ndarray, raw: np.ndarray, labels: np.ndarray) -> Self:
        """Dense values (N, D), NaN where missing; raw logits (N, C) out of fold; labels (N,) of every class."""
        weights = compute_sample_weight("balanced", labels) if self.balanced else None
        self.quantiles.fit(dense)
        self.trees.fit(np.hstack([self.quantiles.values(dense), raw]), labels, sample_weight=weights)
        scaled = np.hstack([self.quantiles.transform(dense), raw])
        self.linear.fit(scaled, labels, logisticregression__sample_weight=weights)
        return self

    def log_probabilities(self, dense: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """(N, C)."""
        both = self.trees.predict_proba(np.hstack([self.quantiles.values(dense), raw]))
        both += self.linear.predict_proba(np.hstack([self.quantiles.transform(dense), raw]))
        return np.log(np.maximum(both / 2, LEAST_PROBABILITY)).astype(np.float32)
