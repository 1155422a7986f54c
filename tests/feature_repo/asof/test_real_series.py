"""Real series: 684,945 daily observations of 218,863 videos, as of chosen label times, against a plain reference."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from feast import Field
from feast.types import Float32
from histories import ASOF, store_of, view_of, write_history

SERIES = Path(__file__).resolve().parents[4] / "shared" / "data" / "yt_trending"
FEATURES = ["views", "likes", "best_rank"]


@pytest.fixture(scope="module")
def charts(tmp_path_factory) -> Path:
    """The daily table with a created time: each day's fetch is written 2 to 50 hours later, out of order."""
    if not SERIES.is_dir():
        pytest.skip(f"the real series are not here: {SERIES}")
    frame = pq.read_table(SERIES / "privileged_engagement_daily.parquet").to_pandas()
    assert len(frame) == 684_945
    late = np.random.default_rng(0).integers(2, 50, len(frame))
    frame["created_timestamp"] = frame.event_timestamp + pd.to_timedelta(late, unit="h")
    keep = ["video_id", "event_timestamp", "created_timestamp", *FEATURES]
    return write_history(
        tmp_path_factory.mktemp("real"), "chart", frame[keep].astype(dict.fromkeys(FEATURES, "float64"))
    )


@pytest.mark.parametrize(("cut_off", "ttl_days"), [(False, 0), (True, 0), (True, 3)])
@pytest.mark.parametrize("rows_per_partition", [16_000_000, 300_000])
def test_every_video_gets_the_values_known_at_its_label_time(charts, tmp_path, cut_off, ttl_days, rows_per_partition):
    items = pq.read_table(SERIES / "items.parquet", columns=["video_id", "first_seen"]).to_pandas()
    hours = np.random.default_rng(1).integers(-24, 24 * 20, len(items))
    moments = (items.first_seen + pd.to_timedelta(hours, unit="h")).dt.as_unit("us")
    entities = pd.DataFrame({"video_id": items.video_id, "event_timestamp": moments})
    view = view_of(charts, fields=[Field(name=name, dtype=Float32) for name in FEATURES], ttl=timedelta(days=ttl_days))
    store = store_of(tmp_path, {**ASOF, "rows_per_partition": rows_per_partition}, [view])
    job = store.get_historical_features(
        entities.copy(), [f"chart:{name}" for name in FEATURES], filter_by_created_timestamp=cut_off
    )
    job.write(tmp_path / "out")
    found = pq.read_table(tmp_path / "out").to_pandas().set_index("video_id").loc[entities.video_id]

    rows = (
        pq.read_table(charts).to_pandas().merge(entities.rename(columns={"event_timestamp": "moment"}), on="video_id")
    )
    rows = rows[rows.event_timestamp <= rows.moment]
    if cut_off:
        rows = rows[rows.created_timestamp <= rows.moment]
    if ttl_days:
        rows = rows[rows.event_timestamp + timedelta(days=ttl_days) >= rows.moment]
    newest = (
        rows.sort_values(["event_timestamp", "created_timestamp"]).groupby("video_id").tail(1).set_index("video_id")
    )
    expected = newest[FEATURES].reindex(entities.video_id)
    assert 30_000 < expected.views.notna().sum() < len(items)
    for name in FEATURES:
        np.testing.assert_array_equal(found[name].to_numpy(), expected[name].to_numpy("float32"), name)
