"""The plot of a run's feature views: when their values came."""

from collections.abc import Mapping
from typing import Any

from matplotlib.ticker import ScalarFormatter

from reports.plots.figures import axes_of, svg

Times = Mapping[str, Mapping[str, Any]]
LAGS = {"event_lag_hours": ("observed", "#1f6feb"), "created_lag_hours": ("written", "#d97706")}


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
