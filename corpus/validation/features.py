"""What is expected of a run's privileged features, of the views they come from, and of their times."""

from collections.abc import Mapping
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from corpus.settings import ValidationSettings
from corpus.validation.expectations import CRITICAL, WARNING, says


def feature_facts(statistics: pd.DataFrame, times: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The statistics with what is known of each feature's view: written_late_share, stale_hours, repeated_rows."""
    facts = statistics.copy()
    for name in ("written_late_share", "stale_hours", "repeated_rows"):
        found = {view: values[name] for view, values in times.items()}
        # A view that nothing was written to before the window's end is as stale as can be.
        facts[name] = facts.view.map(found).astype(float).fillna(np.inf if name == "stale_hours" else 0.0)
    return facts


def feature_expectations(rows: int, settings: ValidationSettings) -> list[Expectation]:
    """What must hold of ``feature_facts``, for ``rows`` videos. What stops a run, the settings' ``stops_on`` say."""

    def severity(kind: str) -> str:
        return CRITICAL if kind in settings.stops_on else WARNING

    def at_most(column: str, limit: float, level: str, sentence: str) -> Expectation:
        return gxe.ExpectColumnValuesToBeBetween(column=column, max_value=limit, severity=level, meta=says(sentence))

    late = "of the videos have a value observed before the label and written after it (written_late_share)"
    return [
        gxe.ExpectColumnValuesToBeInSet(
            column="rows", value_set=[rows], severity=CRITICAL, meta=says("every video has one row of features")
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="one_row_a_video", value_set=[True], severity=CRITICAL,
            meta=says("the rows of features are those of the window's videos, each once"),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="uneven", value_set=[False], severity=CRITICAL, meta=says("every vector has as many elements")
        ),
        at_most("missing_share", settings.missing_share, severity("missing"),
                f"every feature is there in at least {1 - settings.missing_share:.1%} of the rows (missing_share)"),
        at_most("not_finite", 0, WARNING, "values are finite (what is not counts as missing)"),
        at_most("out_of_range_share", settings.faulty_share, severity("range"),
                f"at most {settings.faulty_share:.1%} of a feature's values are outside its range (faulty_share)"),
        at_most("out_of_range_share", 0, WARNING, "values are inside their range"),
        at_most("drift_index", settings.drift_index, severity("drift"),
                f"features drift by at most {settings.drift_index:g} from the previous window (drift_index)"),
        at_most("stale_hours", settings.stale_hours, severity("stale"),
                f"views were written to in the last {settings.stale_hours:g} hours of the window (stale_hours)"),
        at_most("written_late_share", settings.written_late_share, severity("written_late"),
                f"at most {settings.written_late_share:.1%} {late}"),
        at_most("repeated_rows", 0, WARNING, "no video has two rows of one event and created time in a view"),
    ]  # fmt: skip
