"""The as-of store against Feast's own stores and a plain reference: the same answers, all over the semantics."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from feast import Field
from feast.types import Float32
from histories import (
    ASOF,
    CREATOR,
    FIELDS,
    VIDEO,
    entities_of,
    hours,
    numbers,
    plain_answer,
    store_of,
    view_of,
    write_history,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DUCKDB = {"type": "duckdb"}
SMALL_PARTITIONS = {**ASOF, "rows_per_partition": 7, "entity_rows_per_partition": 1}
QUIET = settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))


def new_folder(parent: Path) -> Path:
    """A folder no example had before: Feast's own store remembers what a path held."""
    return parent / str(len(list(parent.iterdir())))


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
