"""Dense tables as users bring them: their rows in the contract's types, and what the corpus declares of them."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from common.dense_table import DenseTable, Feature, Range
from corpus.contract import DENSE_KEYS, CorpusError, conform
from corpus.importing.dating import made_up_dense_times, times_of
from corpus.importing.mapping import DenseColumns, Mapping
from corpus.importing.sources import column_of, decimals, ids_of, of_videos, read_source


def dense_of(
    videos: pd.DataFrame, table: str, columns: DenseColumns, mapping: Mapping, source: Path
) -> tuple[DenseTable, pa.Table, list[str]]:
    """The declaration of a dense table, its rows of videos of the corpus, and sentences on what is left out."""
    times = (columns.event_timestamp, columns.created_timestamp)
    frame = read_source(source / columns.table, (columns.video_id, *(time for time in times if time)))
    name = str(columns.table)
    ids = ids_of(frame, columns.video_id, name)
    if columns.event_timestamp is not None:
        event = times_of(column_of(frame, columns.event_timestamp, name), mapping, f"{name}.{columns.event_timestamp}")
    else:
        event = made_up_dense_times(ids, videos, mapping, f"the values of the dense table {table}")
    created = event
    if columns.created_timestamp is not None:
        created = times_of(
            column_of(frame, columns.created_timestamp, name), mapping, f"{name}.{columns.created_timestamp}"
        )
    values = _features(frame, columns, name)
    rows = pa.Table.from_pandas(
        pd.DataFrame({"video_id": ids, "event_timestamp": event, "created_timestamp": created, **values}),
        preserve_index=False,
    )
    vectors = {each for each in values if pa.types.is_list(rows.schema.field(each).type)}
    fields = [pa.field(each, pa.list_(pa.float32()) if each in vectors else pa.float32()) for each in values]
    declared = _declared(table, columns, list(values), vectors)
    found = conform(rows, pa.schema([*DENSE_KEYS, *fields]), name)
    known, left_out = of_videos(ids.reset_index(drop=True), videos, f"rows of the dense table {table} in {name}")
    return declared, found.take(pa.array(known)), left_out


def _features(frame: pd.DataFrame, columns: DenseColumns, name: str) -> dict[str, pd.Series]:
    features = columns.features
    if features == "all":
        keys = {columns.video_id, columns.event_timestamp, columns.created_timestamp}
        features = {column: column for column in frame.columns if column not in keys}
    values = {target: decimals(column_of(frame, column, name)) for column, target in features.items()}
    if not values:
        raise CorpusError(f"{name} has no feature: it has {', '.join(map(str, frame.columns))}")
    if taken := values.keys() & set(DENSE_KEYS.names):
        raise CorpusError(f"{name}: {', '.join(sorted(taken))} is no name for a feature: give it another in 'features'")
    return values


def _declared(table: str, columns: DenseColumns, names: list[str], vectors: set[str]) -> DenseTable:
    if unknown := columns.ranges.keys() - set(names):
        raise CorpusError(
            f"the dense table {table} has no feature {', '.join(sorted(unknown))} (dense.{table}.ranges): "
            f"it has {', '.join(names)}"
        )
    features = {
        name: Feature(type="vector" if name in vectors else "number", **columns.ranges.get(name, Range()).model_dump())
        for name in names
    }
    return DenseTable(description=columns.description, owner=columns.owner, features=features)
