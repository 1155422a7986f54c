"""The dense tables of a corpus: what it declares of them, and whether their files and new rows are as it declares."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from common.dense_table import CORPUS_FILE, DenseTable, Feature, TableName
from common.errors import UserError

KEY = "video_id"
GREATEST = float(np.finfo("float32").max)  # features are kept as float32
DECLARED = TypeAdapter(dict[TableName, DenseTable])
TIMES = ("event_timestamp", "created_timestamp")


class FeatureError(UserError, ValueError):
    """Features that cannot be retrieved. The message names the task, view or table and the way out.

    A ValueError too, which is what Feast's interface raises.
    """


def declared_tables(corpus: Path) -> dict[str, DenseTable]:
    """What corpus.json declares. Raises FeatureError if there is no corpus, or none that declares its dense tables."""
    path = corpus / CORPUS_FILE
    if not path.is_file():
        raise FeatureError(
            f"there is no corpus at {corpus}: make one with 'cpfd corpus simulate' or 'cpfd corpus import'"
        )
    try:
        return DECLARED.validate_python(json.loads(path.read_text())["dense"])
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise FeatureError(
            f"{path} does not declare the corpus's dense tables: make the corpus again, with --replace"
        ) from error


def require_table(corpus: Path, name: str, declared: DenseTable) -> None:
    """Raise FeatureError unless the dense table is there and every file of it is as declared.

    Feast would read a time without zone as UTC, and name a missing column only in DuckDB's words.
    """
    folder = corpus / "dense" / name
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise FeatureError(f"the corpus {corpus.name} has no dense table {name}: no Parquet file in {folder}")
    for file in files:
        _require_file(file, f"dense table {name}, {file.name}", declared.features)


def require_rows(rows: pd.DataFrame, declared: DenseTable) -> None:
    """Raise FeatureError unless rows in memory are as declared, each with its video and its times."""
    _require_schema(pa.Schema.from_pandas(rows, preserve_index=False), "the rows", declared.features)
    for column in (KEY, *TIMES):
        if rows[column].isna().any():
            raise FeatureError(f"{int(rows[column].isna().sum())} of {len(rows)} rows have no {column}")
    for name, feature in declared.features.items():
        if feature.type == "vector":
            continue
        values = rows[name].to_numpy("float64", na_value=np.nan)
        if (beyond := np.isfinite(values) & (np.abs(values) > GREATEST)).any():
            raise FeatureError(f"{name} is {values[beyond][0]:g}, more than float32 can hold ({GREATEST:g})")


def _require_file(file: Path, name: str, features: Mapping[str, Feature]) -> None:
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise FeatureError(f"{name}: not a whole Parquet file ({error})") from error
    _require_schema(schema, name, features)


def _require_schema(schema: pa.Schema, name: str, features: Mapping[str, Feature]) -> None:
    for column in (KEY, *TIMES, *features):
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
    for feature, declared in features.items():
        found = schema.field(feature).type
        vector = declared.type == "vector"
        if not (_is_vector(found) if vector else _is_number(found)):
            asked = "a list of numbers" if vector else "a number"
            raise FeatureError(f"{name}: {feature} is {found}, not {asked} as the corpus declares")


def _is_text(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype)


def _is_number(dtype: pa.DataType) -> bool:
    return pa.types.is_floating(dtype) or pa.types.is_integer(dtype)


def _is_vector(dtype: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_list(dtype) for is_list in lists) and _is_number(dtype.value_type)
