"""The page of a run's privileged features: when their values came, what they look like, what was found wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.ticker import ScalarFormatter

from reports.plots.evidence import axes_of, svg
from reports.rendering import render

Times = Mapping[str, Mapping[str, Any]]
LAGS = {"event_lag_hours": ("observed", "#1f6feb"), "created_lag_hours": ("written", "#d97706")}
QUANTILES = ("least", "5 %", "25 %", "median", "75 %", "95 %", "greatest")


def features_page(facts: pd.DataFrame, times: Times, findings: Sequence[Any]) -> str:
    """``facts`` are the statistics that were judged, ``times`` what the retrieval told of each view's times.

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


def lag_plot(times: Times) -> str:
    """For each view, how long before the label its value was observed and written: 5 to 95 %, quartiles, median."""
    figure, axes = axes_of("How long before the label", "hours", "", width=7.2)
    named = [(view, lag) for view, values in times.items() for lag in LAGS if values[lag]]
    for position, (view, lag) in enumerate(reversed(named)):
        _, low, quarter, middle, three_quarters, high, _ = times[view][lag]
        box = {"med": middle, "q1": quarter, "q3": three_quarters, "whislo": low, "whishi": high}
        colour = LAGS[lag][1]
        axes.bxp(
            [box], positions=[position], orientation="horizontal", showfliers=False, widths=0.6, patch_artist=True,
            boxprops={"facecolor": colour, "alpha": 0.6}, medianprops={"color": "#1f2328"},
        )  # fmt: skip
    axes.set_yticks(range(len(named)), [f"{view}, {LAGS[lag][0]}" for view, lag in reversed(named)])
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    return svg(figure)
