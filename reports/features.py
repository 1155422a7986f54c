"""The page of a run's privileged features: when their values came, what they look like, what was found wrong."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports.plots.features import LAGS, Times, lag_plot
from reports.rendering import render

QUANTILES = ("least", "5 %", "25 %", "median", "75 %", "95 %", "greatest")


def features_page(facts: pd.DataFrame, times: Times, findings: Sequence[Any]) -> str:
    """``facts`` are the statistics that were judged, ``times`` what the retrieval reported of each view's times.

    A finding has a ``severity`` and a ``sentence``.
    """
    rows = facts.astype(object).where(facts.notna(), None).to_dict("records")
    return render(
        "features.html",
        facts=rows,
        times=times,
        findings=findings,
        plot=lag_plot(times),
        quantiles=QUANTILES,
        lags=LAGS,
    )
