"""A large retrieval in small: a job over the same rows each time, in five partitions."""

import pandas as pd
import pytest
from histories import ASOF, store_of, view_of, write_history

START = pd.Timestamp("2026-06-01", tz="UTC")
ROWS = 40_000
PARTITIONS = {"rows_per_partition": 10_000, "entity_rows_per_partition": 1_000}


@pytest.fixture
def job_of(tmp_path, rng):
    """A new job over the same 40,000 source and 10,000 entity rows each time, in five partitions."""
    frame = pd.DataFrame(
        {
            "video_id": [f"v{n}" for n in rng.integers(0, 5_000, ROWS)],
            "event_timestamp": START + pd.to_timedelta(rng.integers(0, 10_000, ROWS), unit="m"),
            "count": rng.random(ROWS),
        }
    )
    frame["created_timestamp"] = frame.event_timestamp + pd.to_timedelta(rng.integers(0, 500, ROWS), unit="m")
    folder = write_history(tmp_path, "a_view", frame)
    entities = pd.DataFrame(
        {
            "video_id": [f"v{n}" for n in rng.integers(0, 5_000, 10_000)],
            "event_timestamp": START + pd.to_timedelta(rng.integers(0, 10_000, 10_000), unit="m"),
            "row": range(10_000),
        }
    )

    def make(**settings):
        store = store_of(tmp_path, {**ASOF, **PARTITIONS, **settings}, [view_of(folder)])
        return store.get_historical_features(entities, ["a_view:count"], filter_by_created_timestamp=True)

    return make
