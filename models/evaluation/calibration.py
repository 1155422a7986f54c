"""Whether scores mean what they say: of videos with a score of 0.8, eight in ten should have the class."""

import numpy as np

BINS = 15  # of the error's usual definition (Guo et al. 2017)


def brier(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The squared error (N,) of probabilities (N, C), summed over classes (Brier 1950); 0 is best, 2 worst."""
    return ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(1)


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error: how far the highest score is from how often it is right, over bins of equal width."""
    highest, right = probabilities.max(1), probabilities.argmax(1) == labels
    own = np.minimum((highest * BINS).astype(int), BINS - 1)
    sums = np.bincount(own, weights=highest - right, minlength=BINS)
    return float(np.abs(sums).sum() / len(labels))
