"""The page of privileged features: it says what was found, with values escaped, and needs nothing else."""

import re

import numpy as np
import pandas as pd

from corpus.validation.expectations import Finding
from reports.features import features_page

LAGS = [0.1, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
KNOWN = {"videos": 10, "with_value": 9, "written_late_share": 0.25, "repeated_rows": 2, "stale_hours": 3.0}
TIMES = {
    "reports": {**KNOWN, "event_lag_hours": LAGS, "created_lag_hours": LAGS},
    "empty": {**KNOWN, "stale_hours": None, "event_lag_hours": None, "created_lag_hours": None},
}
FACTS = pd.DataFrame(
    [
        {"feature": "count", "view": "reports", "missing_share": 0.5, "not_finite": 1, "out_of_range_share": 0.125,
         "drift_index": 0.31, "note": "<b>v1</b>: inf"},
        {"feature": "other", "view": "reports", "missing_share": 0.0, "not_finite": 0, "out_of_range_share": 0.0,
         "drift_index": np.nan, "note": ""},
    ]
)  # fmt: skip


def test_the_page_tells_times_statistics_and_findings():
    page = features_page(FACTS, TIMES, [Finding("critical", "count is <missing>")])
    assert "count is &lt;missing&gt;" in page
    assert "&lt;b&gt;v1&lt;/b&gt;: inf" in page
    for cell in ("25.0 %", "50.0 %", "12.50 %", "0.310", "open", "16.00", "never", "no value"):
        assert f">{cell}<" in page
    assert page.count("<svg") == 1
    assert not re.search(r"(src|href)=", page.split("</style>")[1].split("<svg")[0])
    assert "All expectations hold" in features_page(FACTS, TIMES, [])
