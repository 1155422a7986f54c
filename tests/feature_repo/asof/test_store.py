"""The as-of store against Feast's own stores and a plain reference: the same answers, all over the semantics."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from feast import Field
from feast.errors import FeastEntityDFMissingColumnsError
from feast.types import Float32
from histories import ASOF, CREATOR, FIELDS, VIDEO, plain_answer, store_of, view_of, write_history
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

START = pd.Timestamp("2026-06-01", tz="UTC")
DUCKDB = {"type": "duckdb"}
SMALL_PARTITIONS = {**ASOF, "rows_per_partition": 7, "entity_rows_per_partition": 1}
QUIET = settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))


def new_folder(parent: Path) -> Path:
    """A folder no example had before: Feast's own store remembers what a path held."""
    return parent / str(len(list(parent.iterdir())))


def hours(values: list[float]) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(values, unit="h")).astype("datetime64[us, UTC]")


def value_of(key: str, event: int, created: int) -> float:
    """A value that follows from the row's identity, so that rows alike in every time are alike in value."""
    return float(ord(key) * 10_000 + event * 100 + created)


@st.composite
def histories(draw, keys=("a", "b", "c")):
    """Rows with many equal event times, equal created times, corrections, and writing before observing."""
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from(keys), st.integers(0, 6), st.integers(0, 9), st.booleans()),
            min_size=1,
            max_size=25,
        )
    )
    frame = pd.DataFrame(rows, columns=["video_id", "event", "created", "missing"])
    first = frame.groupby(["video_id", "event", "created"]).missing.transform("first")
    values = [None if m else value_of(k, e, c) for (k, e, c, _), m in zip(rows, first, strict=True)]
    return pd.DataFrame(
        {
            "video_id": frame.video_id,
            "event_timestamp": hours(frame.event.tolist()),
            "created_timestamp": hours(frame.created.tolist()),
            "count": pd.array(values, dtype="Float32"),
        }
    )


entity_rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "never seen"]), st.integers(0, 10)), min_size=1, max_size=12
)


def entities_of(rows: list[tuple[str, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": [key for key, _ in rows],
            "event_timestamp": hours([float(hour) for _, hour in rows]),
            "row": range(len(rows)),
        }
    )


def numbers(values) -> np.ndarray:
    return np.array([np.nan if value is None or value is pd.NA else float(value) for value in values])


@QUIET
@given(history=histories(), rows=entity_rows, ttl=st.sampled_from([0, 1, 3]), cut_off=st.booleans())
def test_random_histories_give_the_answers_of_feasts_own_store_and_of_a_plain_reference(
    history, rows, ttl, cut_off, tmp_path
):
    folder = write_history(new_folder(tmp_path), "a_view", history, files=2)
    view = view_of(folder, ttl=timedelta(hours=ttl))
    entities = entities_of(rows)
    expected = numbers(
        plain_answer(history, {"video_id": key}, moment, timedelta(hours=ttl), cut_off, "count")
        for key, moment in zip(entities.video_id, entities.event_timestamp, strict=True)
    )
    for kind in (ASOF, DUCKDB):
        store = store_of(tmp_path, kind, [view])
        job = store.get_historical_features(entities.copy(), ["a_view:count"], filter_by_created_timestamp=cut_off)
        found = job.to_df().sort_values("row")
        np.testing.assert_array_equal(numbers(found["count"]), expected, err_msg=kind["type"])


@QUIET
@given(history=histories(), rows=entity_rows, cut_off=st.booleans())
def test_partitions_hold_the_same_rows_as_one_statement(history, rows, cut_off, tmp_path):
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    view = view_of(write_history(new_folder(tmp_path), "a_view", history))
    entities = entities_of(rows)
    job = store_of(tmp_path, SMALL_PARTITIONS, [view]).get_historical_features(
        entities, ["a_view:count"], filter_by_created_timestamp=cut_off
    )
    whole = job.to_df()
    assert whole.row.tolist() == list(range(len(rows)))  # the order given
    job.write(tmp_path / "out")
    parts = sorted((tmp_path / "out").glob("part-*.parquet"))
    at_once = 2 if job.bounds else 7  # read in place, partitions are smaller
    assert len(parts) == job.partitions == min(-(-(len(history) + len(rows)) // at_once), len(rows))
    written = pd.concat([pd.read_parquet(part) for part in parts]).sort_values("row", ignore_index=True)
    pd.testing.assert_frame_equal(written, whole, check_dtype=False)


@pytest.fixture
def three_views(tmp_path, rng):
    """Views by video, by creator and by both, with a vector, renamed columns and missing values."""

    def frame(count: int, **keys: list) -> pd.DataFrame:
        event = rng.integers(0, 200, count)
        return pd.DataFrame(
            {
                **{name: rng.choice(np.array(values, dtype=object), count) for name, values in keys.items()},
                "event_timestamp": hours(event.tolist()),
                "created_timestamp": hours((event + rng.integers(0, 30, count)).tolist()),
                "count": np.where(rng.random(count) < 0.1, np.nan, rng.random(count)).astype("float32"),
            }
        ).drop_duplicates(["event_timestamp", "created_timestamp", *keys])

    videos, creators = [f"v{i}" for i in range(12)], [1, 2, 3]
    by_video = frame(300, video_id=videos)
    by_video["vector"] = [rng.random(3).astype("float32") if rng.random() > 0.1 else None for _ in range(len(by_video))]
    by_creator = frame(80, creator_id=creators).rename(columns={"count": "raw_total", "creator_id": "who"})
    by_creator["who"] = by_creator.who.astype("int64")
    by_both = frame(500, video_id=videos, creator_id=creators)
    by_both["creator_id"] = by_both.creator_id.astype("int64")
    views = [
        view_of(write_history(tmp_path, "by_video", by_video, 3), fields=list(FIELDS.values())),
        view_of(
            write_history(tmp_path, "by_creator", by_creator),
            entities=[CREATOR],
            fields=[Field(name="total", dtype=Float32)],
            ttl=timedelta(days=2),  # Feast's own store takes one unit alone
            field_mapping={"raw_total": "total", "who": "creator_id"},
        ),
        view_of(write_history(tmp_path, "by_both", by_both), entities=[VIDEO, CREATOR]),
    ]
    entities = pd.DataFrame(
        {
            "video_id": rng.choice([*videos, "never seen"], 200),
            "creator_id": rng.choice([1, 2, 3, 9], 200),
            "event_timestamp": hours(rng.integers(0, 230, 200).tolist()),
            "row": range(200),
        }
    )
    return views, entities


REFS = ["by_video:count", "by_video:vector", "by_creator:total", "by_both:count"]


@pytest.mark.parametrize("cut_off", [False, True])
@pytest.mark.parametrize(
    "kind",
    [ASOF, {**ASOF, "rows_per_partition": 200, "entity_rows_per_partition": 20}],
    ids=["one partition", "several"],
)
def test_views_with_different_keys_vectors_renamed_columns_and_full_names(three_views, tmp_path, cut_off, kind):
    views, entities = three_views

    def job(offline_store):
        return store_of(tmp_path, offline_store, views).get_historical_features(
            entities.copy(), REFS, full_feature_names=True, filter_by_created_timestamp=cut_off
        )

    expected = job(DUCKDB).to_df().sort_values("row", ignore_index=True)
    ours = job(kind)
    ours.write(tmp_path / "out")
    written = pd.concat([pd.read_parquet(part) for part in (tmp_path / "out").glob("part-*.parquet")])
    assert (ours.partitions > 1) == (kind != ASOF)
    for found in (ours.to_df(), written.sort_values("row", ignore_index=True)):
        assert found.columns.tolist() == [*entities.columns, *(ref.replace(":", "__") for ref in REFS)]
        for name in ("by_video__count", "by_creator__total", "by_both__count"):
            assert expected[name].notna().sum() > 20
            np.testing.assert_array_equal(found[name].astype(float), expected[name].astype(float), err_msg=name)
        vectors = [None if value is None else list(value) for value in found.by_video__vector]
        assert vectors == [None if value is None else list(value) for value in expected.by_video__vector]


def test_feasts_dask_store_agrees_where_it_keeps_a_row_and_no_tie_is_to_be_broken(tmp_path, rng):
    """It drops rows without a value, and does not always take the newest created of one event time."""
    event = rng.permutation(400)[:300]
    history = pd.DataFrame(
        {
            "video_id": rng.choice([f"v{i}" for i in range(12)], 300),
            "event_timestamp": hours(event.tolist()),
            "created_timestamp": hours((event + rng.integers(0, 30, 300)).tolist()),
            "count": rng.random(300),
        }
    )
    view = view_of(write_history(tmp_path, "a_view", history))
    entities = entities_of(
        [(f"v{key}", hour) for key, hour in zip(rng.integers(0, 14, 200), rng.integers(0, 430, 200), strict=True)]
    )
    ours, kept = (
        store_of(tmp_path, kind, [view])
        .get_historical_features(entities.copy(), ["a_view:count"], filter_by_created_timestamp=True)
        .to_df()
        .set_index("row")["count"]
        for kind in (ASOF, {"type": "dask"})
    )
    assert 100 < len(kept) < len(entities)
    np.testing.assert_array_equal(kept.astype(float), ours.loc[kept.index].astype(float))


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
    history = pd.DataFrame({"video_id": keys * 2, "event_timestamp": START, "created_timestamp": START})
    history["count"] = rng.permutation(len(history)).astype(float)
    entities = pd.DataFrame({"video_id": keys, "event_timestamp": START + pd.Timedelta("1h")})
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
