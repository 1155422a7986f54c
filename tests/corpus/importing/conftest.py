"""Three videos as a user brings them."""

from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a table, clips that nobody opens, and a dense table."""
    (tmp_path / "clips").mkdir()
    pd.DataFrame(
        {
            "id": [1, 2, 3],
            "file": ["a.mp4", "b.mp4", "c.mp4"],
            "caption": ["x", None, "z"],
            "channel": ["p", "p", "q"],
            "seconds": [10, None, 180],
            "when": ["2026-01-01 00:30", "2026-01-02 00:00", "2026-01-03 00:00"],
            "verdict": ["yes", "no", None],
            "reviewed": ["2026-01-05 00:00"] * 3,
        }
    ).to_csv(tmp_path / "table.csv", index=False)
    pd.DataFrame({"id": [1, 2, 9], "seen": ["2026-01-02 00:00"] * 3, "m": [0.5, None, 1]}).to_csv(
        tmp_path / "motion.csv", index=False
    )
    return tmp_path
