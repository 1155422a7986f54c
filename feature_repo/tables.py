"""The dense tables of a corpus as a feature view needs them: which files, which columns, of which types."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureView, Field
from feast.types import Array

from common.errors import UserError

KEY = "video_id"
GREATEST = float(np.finfo("float32").max)
TIMES = ("event_timestamp", "created_timestamp")


class FeatureError(UserError, ValueError):
    """Features that cannot be retrieved. The message names the task, view or table and the way out.

    A ValueError too, which is what Feast's interface raises."""


def require_table(corpus: Path, view: FeatureView) -> None:
    """Raise FeatureError unless the view's dense table is there and every file of it is as the view says.

    Feast would read a time without zone as UTC, and tell of a missing column only in DuckDB's words.
    """
    folder = corpus / "dense" / view.name
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise FeatureError(f"the corpus {corpus.name} has no dense table {view.name}: no Parquet file in {folder}")
    for file in files:
        _require_file(file, f"dense table {folder.name}, {file.name}", view.schema)


def require_rows(rows: pd.DataFrame, view: FeatureView) -> None:
    """Raise FeatureError unless rows in memory are as the view says, each with its video and its times."""
    _require_schema(pa.Schema.from_pandas(rows, preserve_index=False), "the rows", view.schema)
    for column in (KEY, *TIMES):
        if rows[column].isna().any():
            raise FeatureError(f"{int(rows[column].isna().sum())} of {len(rows)} rows have no {column}")
    for field in view.schema:
        if isinstance(field.dtype, Array):
            continue
        values = rows[field.name].to_numpy("float64", na_value=np.nan)
        if (beyond := np.isfinite(values) & (np.abs(values) > GREATEST)).any():
            raise FeatureError(f"{field.name} is {values[beyond][0]:g}, more than float32 can hold ({GREATEST:g})")


def _require_file(file: Path, name: str, features: list[Field]) -> None:
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise FeatureError(f"{name}: not a whole Parquet file ({error})") from error
    _require_schema(schema, name, features)


def _require_schema(schema: pa.Schema, name: str, features: list[Field]) -> None:
    for column in (KEY, *TIMES, *(field.name for field in features)):
        if column not in schema.names:
            raise FeatureError(f"{name}: no column {column}, it has {', '.join(schema.names)}")
        if len(alike := [each for each in schema.names if each.casefold() == column.casefold()]) > 1:
            raise FeatureError(f"{name}: {' and '.join(alike)} differ in case alone: rename the one that is not meant")
    for column in TIMES:
        dtype = schema.field(column).type
        if not pa.types.is_timestamp(dtype):
            raise FeatureError(f"{name}: {column} is {dtype}, not a timestamp")
        if dtype.tz is None:
            raise FeatureError(f"{name}: {column} has no time zone")
    if not _is_text(schema.field(KEY).type):
        raise FeatureError(f"{name}: {KEY} is {schema.field(KEY).type}, not a string")
    for field in features:
        found = schema.field(field.name).type
        if not (_is_vector(found) if isinstance(field.dtype, Array) else _is_number(found)):
            asked = "a list of numbers" if isinstance(field.dtype, Array) else "a number"
            raise FeatureError(f"{name}: {field.name} is {found}, not {asked} as its view says")


def _is_text(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype)


def _is_number(dtype: pa.DataType) -> bool:
    return pa.types.is_floating(dtype) or pa.types.is_integer(dtype)


def _is_vector(dtype: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_list(dtype) for is_list in lists) and _is_number(dtype.value_type)
