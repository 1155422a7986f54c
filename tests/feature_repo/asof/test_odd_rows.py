"""Rows and times as they come: any zone, equal ones, unknown ones, missing ones."""

import numpy as np
import pandas as pd
import pytest
from feast.errors import FeastEntityDFMissingColumnsError
from histories import ASOF, JUNE, hours, numbers, store_of, view_of, write_history

DUCKDB = {"type": "duckdb"}


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_times_in_any_zone_are_the_same_moments_and_times_without_are_utc(tmp_path, zone):
    history = pd.DataFrame(
        {"video_id": ["a"] * 3, "event_timestamp": hours([1, 2, 3]), "created_timestamp": hours([1, 2, 3]),
         "count": [1.0, 2.0, 3.0]}
    )  # fmt: skip
    view = view_of(write_history(tmp_path, "a_view", history))
    moments = hours([0.5, 1, 2.5, 99])
    entities = pd.DataFrame({"video_id": "a", "event_timestamp": moments.dt.tz_convert(zone)})
    for kind in (ASOF, DUCKDB):
        found = store_of(tmp_path, kind, [view]).get_historical_features(entities.copy(), ["a_view:count"]).to_df()
        found = found.sort_values("event_timestamp")
        np.testing.assert_array_equal(numbers(found["count"]), [np.nan, 1, 2, 3])
        assert found.event_timestamp.dt.tz_convert("UTC").tolist() == moments.tolist()


def test_of_rows_alike_in_every_time_the_content_decides_not_their_order(tmp_path, rng):
    keys = [f"v{number}" for number in range(20_000)]
    history = pd.DataFrame({"video_id": keys * 2, "event_timestamp": JUNE, "created_timestamp": JUNE})
    history["count"] = rng.permutation(len(history)).astype(float)
    entities = pd.DataFrame({"video_id": keys, "event_timestamp": JUNE + pd.Timedelta("1h")})
    answers = []
    for seed in range(3):
        rows = history.sample(frac=1, random_state=seed)
        view = view_of(write_history(tmp_path / str(seed), "a_view", rows))
        job = store_of(tmp_path / str(seed), ASOF, [view]).get_historical_features(entities, ["a_view:count"])
        answers.append(job.to_df()["count"].tolist())
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("cut_off", [False, True])
def test_times_that_stand_for_unknown_ones_are_times(tmp_path, cut_off):
    """The year 1 and the year 9999, as some databases write what they do not know."""
    times = pd.Series(np.array(["0001-01-01", "0001-01-01", "9999-12-31"], "datetime64[us]")).dt.tz_localize("UTC")
    history = pd.DataFrame(
        {"video_id": ["a", "b", "b"], "event_timestamp": hours([1, 1, 1]), "created_timestamp": times,
         "count": [1.0, 2.0, 3.0]}
    )  # fmt: skip
    history.loc[0, "event_timestamp"] = times[0]
    store = store_of(tmp_path, ASOF, [view_of(write_history(tmp_path, "a_view", history))])
    for repeated in (1, 2):
        entities = pd.DataFrame({"video_id": ["a", "b"] * repeated, "event_timestamp": hours([2, 2] * repeated)})
        job = store.get_historical_features(entities, ["a_view:count"], filter_by_created_timestamp=cut_off)
        assert job.to_df()["count"].tolist() == [1, 2 if cut_off else 3] * repeated


def test_entity_rows_may_be_a_query_and_null_keys_and_times_find_nothing(tmp_path):
    history = pd.DataFrame(
        {"video_id": ["a", None, "b"], "event_timestamp": hours([1, 1, 1]), "count": [1.0, 2.0, 3.0]}
    )
    history["created_timestamp"] = history.event_timestamp.where([True, True, False])
    job = store_of(tmp_path, ASOF, [view_of(write_history(tmp_path, "a_view", history))]).get_historical_features(
        "SELECT * FROM (VALUES ('a', TIMESTAMP '2026-06-02', 0), (NULL, TIMESTAMP '2026-06-02', 1), ('a', NULL, 2), "
        "('b', TIMESTAMP '2026-06-02', 3)) rows(video_id, event_timestamp, row)",
        ["a_view:count"],
        filter_by_created_timestamp=True,
    )
    np.testing.assert_array_equal(numbers(job.to_df().sort_values("row")["count"]), [1, np.nan, np.nan, np.nan])


def test_what_is_missing_or_taken_is_named(tmp_path):
    history = pd.DataFrame(
        {"video_id": ["a"], "event_timestamp": hours([1]), "created_timestamp": hours([1]), "count": [1.0]}
    )
    store = store_of(tmp_path, ASOF, [view_of(write_history(tmp_path, "a_view", history))])
    entities = pd.DataFrame({"video_id": ["a"], "event_timestamp": hours([1])})
    with pytest.raises(FeastEntityDFMissingColumnsError, match="video_id"):
        store.get_historical_features(entities.rename(columns={"video_id": "id"}), ["a_view:count"])
    with pytest.raises(ValueError, match="count of a_view is a column of the result already"):
        store.get_historical_features(entities.assign(count=1), ["a_view:count"])
