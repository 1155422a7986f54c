"""What tests of the feature store share: small feature repositories over files of their own, and a plain reference."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Array, Float32

ASOF = {"type": "feature_repo.asof.store.AsofOfflineStore"}
VIDEO = Entity(name="video", join_keys=["video_id"], value_type=ValueType.STRING)
CREATOR = Entity(name="creator", join_keys=["creator_id"], value_type=ValueType.INT64)
FIELDS = {"count": Field(name="count", dtype=Float32), "vector": Field(name="vector", dtype=Array(Float32))}
TIMES = ("event_timestamp", "created_timestamp")
JUNE = pd.Timestamp("2026-06-01", tz="UTC")


def write_history(
    folder: Path, name: str, frame: pd.DataFrame, files: int = 1, row_group_size: int | None = None
) -> Path:
    """A dense table of one or more files, times in UTC, values as float32."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for position, field in enumerate(table.schema):
        if field.name in TIMES or pa.types.is_timestamp(field.type):
            dtype = pa.timestamp("us", "UTC")
        elif pa.types.is_list(field.type) or field.name == "vector":
            dtype = pa.list_(pa.float32())
        elif pa.types.is_floating(field.type) or pa.types.is_null(field.type):
            dtype = pa.float32()
        else:
            continue
        table = table.set_column(position, field.name, table[field.name].cast(dtype))
    for number in range(files):
        rows = pa.array(range(number, len(table), files), pa.int64())
        pq.write_table(table.take(rows), folder / name / f"{number}.parquet", row_group_size=row_group_size)
    return folder / name


def view_of(
    folder: Path,
    entities: Sequence[Entity] = (VIDEO,),
    fields: Sequence[Field] = (FIELDS["count"],),
    ttl: timedelta = timedelta(0),
    created: str = "created_timestamp",
    **source: Any,
) -> FeatureView:
    """A view over every file of ``folder``, named after it."""
    return FeatureView(
        name=folder.name,
        entities=list(entities),
        schema=list(fields),
        ttl=ttl,
        online=False,
        source=FileSource(
            name=f"{folder.name}_source",
            path=f"{folder}/*.parquet",
            timestamp_field="event_timestamp",
            created_timestamp_column=created,
            **source,
        ),
    )


def store_of(folder: Path, offline_store: dict[str, Any], views: Sequence[FeatureView]) -> FeatureStore:
    """A Feast store of one kind with views applied; its registry is in ``folder``."""
    kind = offline_store["type"].rsplit(".", 1)[-1]
    config = RepoConfig(
        project=kind.lower(),
        provider="local",
        registry=str(folder / f"{kind}.db"),
        online_store=None,
        offline_store=offline_store,
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    store.apply([VIDEO, CREATOR, *views])
    return store


def plain_answer(
    history: pd.DataFrame, keys: dict[str, Any], moment: pd.Timestamp, ttl: timedelta, cut_off: bool, column: str
) -> Any:
    """Feast's answer for one entity row, by looking at every row of the history."""
    rows = history[history.event_timestamp <= moment]
    for key, value in keys.items():
        rows = rows[rows[key] == value]
    if ttl:
        rows = rows[rows.event_timestamp + ttl >= moment]
    if cut_off:
        rows = rows[rows.created_timestamp <= moment]
    newest = rows.sort_values(list(TIMES), kind="stable").tail(1)
    return newest[column].iloc[0] if len(newest) else None


def manifest(folder: Path) -> dict[str, Any]:
    """What a retrieval says of its folder."""
    return json.loads((folder / "_retrieval.json").read_text())


def rows_of(folder: Path) -> pd.DataFrame:
    """What a retrieval wrote, in the order of the entity rows."""
    return pq.read_table(folder).to_pandas().sort_values("row", ignore_index=True)


def hours(values: Iterable[float]) -> pd.Series:
    """Times so many hours after the first of June."""
    return pd.Series(JUNE + pd.to_timedelta(list(values), unit="h")).astype("datetime64[us, UTC]")


def numbers(values: Iterable[Any]) -> np.ndarray:
    """Values as numbers, NaN for any that is missing."""
    return np.array([np.nan if value is None or value is pd.NA else float(value) for value in values])


def entities_of(rows: Sequence[tuple[str, float]]) -> pd.DataFrame:
    """Entity rows of (video, hour), numbered in the order given."""
    times = hours(hour for _, hour in rows)
    return pd.DataFrame({"video_id": [key for key, _ in rows], "event_timestamp": times, "row": range(len(rows))})
