"""Which videos to label next, so that few labels tell two models apart."""

import numpy as np
import pandas as pd

DIFFER, AGREE = "decide differently", "decide alike"
# Of the labels, those on videos that both decide alike: they say how many positives there are, and no more.
SHARE_ALIKE = 0.25


def to_label(own: np.ndarray, other: np.ndarray, count: int, seed: int) -> pd.DataFrame:
    """A stratified sample of videos on which two models decide (N,): as many as ``count``, or all.

    The difference in F1 depends on the videos on which they decide differently, and on how many positives there are.
    In either stratum every video is as likely; a count over the sample, times ``weight``, estimates that of all N.

    Returns:
        row (place among the N), stratum, weight (videos of the stratum a video of the sample), by row.
    """
    strata = {DIFFER: np.flatnonzero(own != other), AGREE: np.flatnonzero(own == other)}
    alike = min(len(strata[AGREE]), max(round(SHARE_ALIKE * count), count - len(strata[DIFFER])))
    sizes = {DIFFER: min(len(strata[DIFFER]), count - alike), AGREE: alike}
    random = np.random.default_rng(seed)
    parts = []
    for stratum, rows in strata.items():
        chosen = random.choice(rows, sizes[stratum], replace=False)
        weight = len(rows) / max(len(chosen), 1)
        parts.append(pd.DataFrame({"row": chosen, "stratum": stratum, "weight": weight}))
    return pd.concat(parts, ignore_index=True).sort_values("row", ignore_index=True)
