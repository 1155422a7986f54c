"""Tables as users bring them: CSV or Parquet, their columns, and the rows that are wanted of them."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from corpus.contract import CorpusError
from corpus.importing.mapping import Condition


def read_source(path: Path, text: tuple[str, ...] | None = None) -> pd.DataFrame:
    """A CSV or Parquet table. Of a CSV, the columns in ``text`` (None: all) stay as they are written.

    Raises:
        CorpusError: it is not there, or cannot be read.
    """
    if not path.is_file():
        raise CorpusError(f"there is no table at {path}")
    try:
        if path.suffix.lower() != ".csv":
            return pd.read_parquet(path)
        types = str if text is None else dict.fromkeys(text, str)
        return pd.read_csv(path, dtype=types, keep_default_na=text is not None, na_values=[""])
    except (ValueError, OSError, pa.ArrowInvalid) as error:
        raise CorpusError(f"{path} cannot be read as {path.suffix or 'Parquet'}: {error}") from error


def of_videos(ids: pd.Series, videos: pd.DataFrame, what: str) -> tuple[pd.Index, list[str]]:
    """Which rows are of videos of the corpus (their index); and a sentence with an example if others are not."""
    known = ids.isin(videos.video_id)
    if known.all():
        return ids.index, []
    others = ids[~known]
    example = f"such as {others.iloc[0]}, and are left out"
    return ids.index[known], [f"{len(others)} of {len(ids)} {what} are of no video of the corpus, {example}"]


def column_of(frame: pd.DataFrame, name: str, table: str) -> pd.Series:
    """Raises CorpusError, with the columns there are, if it is not there."""
    if name not in frame.columns:
        raise CorpusError(f"{table} has no column {name}: it has {', '.join(map(str, frame.columns))}")
    return frame[name]


def ids_of(frame: pd.DataFrame, name: str, table: str) -> pd.Series:
    """Ids as text. Raises CorpusError if a row has none."""
    ids = column_of(frame, name, table)
    if ids.isna().any():
        raise CorpusError(f"{table}.{name}: {int(ids.isna().sum())} of {len(ids)} rows have no id")
    return ids.astype(str)


def decimals(values: pd.Series) -> pd.Series:
    """Whole numbers as decimals: Arrow refuses to round a count above 16,777,216 to float32, but not a decimal."""
    return values.astype("float64") if pd.api.types.is_integer_dtype(values) else values


def rows_where(frame: pd.DataFrame, conditions: dict[str, Condition], table: str) -> pd.DataFrame:
    """The rows that meet every column's condition. Raises CorpusError if none does."""
    keep = pd.Series(True, index=frame.index)
    for name, condition in conditions.items():
        keep &= _meets(column_of(frame, name, table), condition, f"{table}.{name}")
    if conditions and not keep.any():
        raise CorpusError(f"no row of {table} meets 'where' ({', '.join(conditions)})")
    return frame[keep].reset_index(drop=True)


def _meets(values: pd.Series, condition: Condition, name: str) -> pd.Series:
    keep, written = values.notna(), values.astype(str)
    if condition.prefix is not None:
        keep &= written.str.startswith(condition.prefix)
    if condition.one_of is not None:
        keep &= written.isin([str(value) for value in condition.one_of])
    if condition.at_least is not None or condition.at_most is not None:
        numbers = pd.to_numeric(values, errors="coerce")
        strange = values[numbers.isna() & values.notna()]
        if len(strange):
            raise CorpusError(f"{name} holds {strange.iloc[0]!r}: at_least and at_most of 'where' compare numbers")
        low, high = condition.at_least, condition.at_most
        keep &= numbers.between(-float("inf") if low is None else low, float("inf") if high is None else high)
    return keep
