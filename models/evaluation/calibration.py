"""Whether scores mean what they say: of videos with a score of 0.8, eight in ten should have the class."""

import numpy as np

BINS = 15  # of the error's usual definition (Guo et al. 2017)


def brier(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The squared error (N,) of probabilities (N, C), summed over classes (Brier 1950); 0 is best, 2 worst."""
    return ((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(1)


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error: how far the highest score is from how often it is right, over bins of equal width."""
    _, scored, right = by_highest_score(labels, probabilities, BINS)
    return float(np.abs(scored - right).sum() / len(labels))


def by_highest_score(
    labels: np.ndarray, probabilities: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each bin of equal width (bins,): rows, the sum of their highest scores, and how many of these are right."""
    highest, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.minimum((highest * bins).astype(int), bins - 1)
    rows, scored, found = (np.bincount(place, weights=each, minlength=bins) for each in (None, highest, right))
    return rows, scored, found
