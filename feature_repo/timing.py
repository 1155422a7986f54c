"""When values were observed and written, against when labels were made: the guard on what leaks without being seen.

The joins keep late values out. What is counted here is how late a view's values come, how many of them were written
only after the label (corrections, or consequences of the label written into old rows), and how fresh the table is.
"""

import glob
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from common.sql import literal
from feature_repo.views import feature_views, moments_of

MOST_VIDEOS = 200_000  # a share is then known to a thousandth
SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)  # what a box plot shows, with the extremes
HOUR = 3_600_000_000  # microseconds

STATEMENT = """
WITH labelled AS MATERIALIZED (
    SELECT video_id, as_of FROM read_parquet({catalogue})
    WHERE label IS NOT NULL AND hash(video_id) % {every} = 0
),
videos AS (
    SELECT video_id, any_value(as_of) AS as_of,
        max((event_timestamp, created_timestamp))
            FILTER (event_timestamp < as_of AND created_timestamp < as_of) AS newest,
        bool_or(event_timestamp < as_of AND created_timestamp >= as_of) AS written_late,
        count(*) - count(DISTINCT (event_timestamp, created_timestamp)) AS repeated
    FROM ({moments}) JOIN labelled USING (video_id) GROUP BY video_id
),
lags AS (
    SELECT *, (epoch_us(as_of) - epoch_us(newest[1])) / {hour} AS event_lag,
        (epoch_us(as_of) - epoch_us(newest[2])) / {hour} AS created_lag
    FROM videos
)
SELECT (SELECT count(*) FROM labelled) AS videos, count(newest) AS with_value,
    count(*) FILTER (written_late) / greatest((SELECT count(*) FROM labelled), 1) AS written_late_share,
    coalesce(sum(repeated), 0)::BIGINT AS repeated_rows,
    quantile_cont(event_lag, {shares}) AS event_lag_hours, quantile_cont(created_lag, {shares}) AS created_lag_hours
FROM lags
"""


def view_times(
    corpus: Path, features: Sequence[str], catalogue: Path, window_end: datetime
) -> dict[str, dict[str, Any]]:
    """For each of the views that a task names, over the labelled videos of the catalogue.

    More than ``MOST_VIDEOS`` of them are drawn from, always alike.

    Returns:
        videos, with_value (how many have a value known before the label), written_late_share (videos with a value
        observed before the label and written after it), repeated_rows (rows of one video, event and created time
        beyond the first), event_lag_hours and created_lag_hours (quantiles at ``SHARES`` of label time less the
        event and the created time of the value that counts), stale_hours (window's end less the newest writing
        before it; null if there is none).
    """
    found, views = {}, feature_views(corpus)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    listed = glob.escape(str(catalogue))
    (rows,) = connection.execute(
        "SELECT count(*) FROM read_parquet(?) WHERE label IS NOT NULL", [listed]
    ).fetchone() or (0,)
    for name in features:
        moments = moments_of(views[name])
        statement = STATEMENT.format(
            catalogue=literal(listed), moments=moments, every=-(-rows // MOST_VIDEOS) or 1, hour=HOUR,
            shares=list(SHARES),
        )  # fmt: skip
        cursor = connection.execute(statement)
        columns = [column[0] for column in cursor.description or []]
        found[name] = dict(zip(columns, cursor.fetchone() or (), strict=True))
        newest = connection.execute(
            f"SELECT (epoch_us(?::TIMESTAMPTZ) - max(epoch_us(created_timestamp))) / {HOUR} "
            f"FROM ({moments}) WHERE created_timestamp < ?::TIMESTAMPTZ",
            [window_end, window_end],
        ).fetchone()
        found[name]["stale_hours"] = newest[0] if newest else None
    return found
