"""The boosted teacher: what a raw network says of a video out of fold, and dense values, to class probabilities.

It is fitted again whenever it is asked, which takes seconds: nothing of scikit-learn's is ever stored.
"""

from typing import Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

LEAST_PROBABILITY = 1e-6  # so that logits stay finite; no loss above 14 nats tells more than one of 14
QUANTILES = 200  # of a dense feature: finer than any effect that some thousand rows show


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
        self.scaler = QuantileTransformer(output_distribution="normal", n_quantiles=QUANTILES, random_state=seed)
        self.linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))

    def fit(self, dense: np.ndarray, raw: np.ndarray, labels: np.ndarray) -> Self:
        """Dense values (N, D), NaN where missing; raw logits (N, C) out of fold; labels (N,) of every class."""
        weights = compute_sample_weight("balanced", labels) if self.balanced else None
        self.known = np.isfinite(dense).any(axis=0)  # of a feature without a value nothing can be learned
        if self.known.any():
            self.scaler.set_params(n_quantiles=min(QUANTILES, len(dense))).fit(_finite(dense[:, self.known]))
        self.trees.fit(self._columns(dense, raw), labels, sample_weight=weights)
        self.linear.fit(self._scaled(dense, raw), labels, logisticregression__sample_weight=weights)
        return self

    def log_probabilities(self, dense: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """(N, C)."""
        both = self.trees.predict_proba(self._columns(dense, raw)) + self.linear.predict_proba(self._scaled(dense, raw))
        return np.log(np.maximum(both / 2, LEAST_PROBABILITY)).astype(np.float32)

    def _columns(self, dense: np.ndarray, raw: np.ndarray) -> np.ndarray:
        return np.hstack([_finite(dense[:, self.known]), raw])

    def _scaled(self, dense: np.ndarray, raw: np.ndarray) -> np.ndarray:
        known = _finite(dense[:, self.known])
        if not self.known.any():
            return raw
        missing = np.isnan(known)
        return np.hstack([np.nan_to_num(self.scaler.transform(known)), missing, raw])


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
