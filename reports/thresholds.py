"""What a threshold would decide, for every place of a slider: counts, so that the page needs no row."""

import numpy as np

STEPS = 200  # places of the slider; of some thousand rows two neighbours differ by a few


def counts_by_threshold(scores: np.ndarray, positive: np.ndarray, cuts: np.ndarray) -> list[list[int]]:
    """Found, falsely found, missed and rightly left rows at each of the thresholds ``cuts``.

    Args:
        scores: (N,) of the class that is looked for.
        positive: (N,) whether the row has it.
    """
    found, falsely = (len(own) - np.searchsorted(np.sort(own), cuts) for own in (scores[positive], scores[~positive]))
    yes, no = int(positive.sum()), int((~positive).sum())
    return np.stack([found, falsely, yes - found, no - falsely], axis=1).tolist()
