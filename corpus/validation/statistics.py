"""Retrieved features in numbers, a row a feature, counted by DuckDB in one pass: memory does not grow with the rows."""

import glob
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from common.artifacts import FEATURES_FILE
from common.sql import every_parquet, quote
from corpus.settings import LEAST_DRIFT_VIDEOS

# Ten bins, as the limits of the index are made for (Siddiqi 2006).
DECILES = [tenth / 10 for tenth in range(1, 10)]
LEAST_SHARE = 1e-4  # of a bin: an empty one would make the index infinite
EXAMPLES = 5  # that a message names: enough to look at
MEMORY = "2GB"  # of DuckDB: one pass holds counts, not rows


@dataclass(frozen=True)
class Column:
    """What is counted: a scalar feature, or the least or greatest element of a vector, which stand for it."""

    name: str
    feature: str
    value: str
    length: str
    minimum: float
    maximum: float


def feature_statistics(features: Path, catalogue: Path, previous: Path) -> pd.DataFrame:
    """What the checks judge, over the files in ``features`` (video_id and the features, as retrieved).

    Args:
        previous: features of the previous window, against which drift is counted; fewer than
            ``LEAST_DRIFT_VIDEOS`` in either window leave it open.

    Returns:
        a row a feature (two a vector): feature, view, rows, one_row_a_video (whether the rows' videos are those of
        the catalogue, each once), missing_share, not_finite (rows), out_of_range_share, uneven (whether vectors
        differ in length), drift_index (population stability index, NaN if open), note (examples of what is wrong).
    """
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    described = json.loads((features / FEATURES_FILE).read_text())["features"]
    columns = _columns(features, described)
    edges: list[list[str]] = [[] for _ in columns]
    before = None
    if min(_rows(connection, folder) for folder in (previous, features)) >= LEAST_DRIFT_VIDEOS:
        edges = _edges(connection, previous, columns)
        before = _counts(connection, previous, columns, edges)
    now = _counts(connection, features, columns, edges)
    same = _videos(connection, every_parquet(features)) == _videos(connection, glob.escape(str(catalogue)))
    rows = []
    for position, column in enumerate(columns):
        count = now[position]
        total = max(count["rows"], 1)
        rows.append(
            {
                "feature": column.name,
                "view": described[column.feature]["view"],
                "rows": count["rows"],
                "one_row_a_video": same,
                "missing_share": (count["rows"] - count["present"] + count["not_finite"]) / total,
                "not_finite": count["not_finite"],
                "out_of_range_share": count["out_of_range"] / total,
                "uneven": count["shortest"] != count["longest"],
                "drift_index": np.nan if before is None else stability_index(before[position]["bins"], count["bins"]),
                "note": _examples(connection, features, column) if count["not_finite"] or count["out_of_range"] else "",
            }
        )
    return pd.DataFrame(rows)


def stability_index(expected: Sequence[int], actual: Sequence[int]) -> float:
    """The population stability index of two counts over the same bins: sum of (a - e) ln(a / e) over their shares.

    Below 0.1 is taken for stable, above 0.25 for a shift (Siddiqi 2006, Credit Risk Scorecards).
    """
    e, a = (np.maximum(np.asarray(counts) / max(sum(counts), 1), LEAST_SHARE) for counts in (expected, actual))
    return float(np.sum((a - e) * np.log(a / e)))


def _columns(features: Path, described: Mapping[str, Mapping[str, str]]) -> list[Column]:
    schema = ds.dataset(features, format="parquet").schema
    columns = []
    broken = "len(list_filter({}, lambda element: element IS NULL OR NOT isfinite(element::DOUBLE))) > 0"
    for name, tags in described.items():
        bounds = float(tags.get("minimum", -np.inf)), float(tags.get("maximum", np.inf))
        quoted = quote(name)
        if not pa.types.is_list(schema.field(name).type):
            columns.append(Column(name, name, quoted, "1", *bounds))
            continue
        for word, function in (("least", "list_min"), ("greatest", "list_max")):
            value = f"CASE WHEN {broken.format(quoted)} THEN 'nan' ELSE {function}({quoted})::DOUBLE END"
            columns.append(Column(f"{word} of {name}", name, value, f"len({quoted})", *bounds))
    return columns


def _counts(
    connection: duckdb.DuckDBPyConnection, folder: Path, columns: list[Column], edges: list[list[str]]
) -> list[dict[str, Any]]:
    """Counts of every column in one scan. ``bins`` are rows between edges, beyond the last one, and missing."""
    inner, outer = [], ["count(*)"]
    for number, column in enumerate(columns):
        inner += [f"({column.value})::DOUBLE AS x{number}", f"{column.length} AS l{number}"]
        x = f"x{number}"
        outside = f"isfinite({x}) AND ({x} < {_number(column.minimum)} OR {x} > {_number(column.maximum)})"
        outer += [
            f"count({x})",
            f"count_if(NOT isfinite({x}))",
            f"count_if({outside})",
            f"min(l{number})",
            f"max(l{number})",
        ]
        outer += [f"count_if(isfinite({x}) AND {x} {edge})" for edge in edges[number]]
    statement = f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM read_parquet(?))"
    found = connection.execute(statement, [every_parquet(folder)]).fetchone() or ()
    values = [value or 0 for value in found]  # counting over nothing but nulls gives null
    rows = values.pop(0)
    counts = []
    for number in range(len(columns)):
        present, not_finite, outside_rows, shortest, longest = values[:5]
        below = [0, *values[5 : 5 + len(edges[number])], present - not_finite]
        values = values[5 + len(edges[number]) :]
        bins = [*np.diff(below).tolist(), rows - present + not_finite]
        counts.append(
            {"rows": rows, "present": present, "not_finite": not_finite, "out_of_range": outside_rows,
             "shortest": shortest, "longest": longest, "bins": bins}
        )  # fmt: skip
    return counts


def _edges(connection: duckdb.DuckDBPyConnection, folder: Path, columns: list[Column]) -> list[list[str]]:
    """The upper edges of each column's bins, as conditions: its deciles.

    A value that is several deciles has a bin of its own: what falls below it would be taken for it otherwise.
    """
    asked = ", ".join(
        f"quantile_disc(({column.value})::DOUBLE, {DECILES}) FILTER (isfinite(({column.value})::DOUBLE))"
        for column in columns
    )
    found = connection.execute(f"SELECT {asked} FROM read_parquet(?)", [every_parquet(folder)]).fetchone()
    return [
        [
            f"{comparison} {value!r}"
            for value, times in sorted(Counter(deciles or []).items())
            for comparison in (("<", "<=") if times > 1 else ("<=",))
        ]
        for deciles in found or ()
    ]


def _rows(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    (rows,) = connection.execute("SELECT count(*) FROM read_parquet(?)", [every_parquet(folder)]).fetchone() or (0,)
    return int(rows)


def _videos(connection: duckdb.DuckDBPyConnection, files: str) -> tuple[Any, ...] | None:
    """How many videos and a sum over their hashes: alike only for the same videos, as often."""
    return connection.execute("SELECT count(*), sum(hash(video_id)) FROM read_parquet(?)", [files]).fetchone()


def _examples(connection: duckdb.DuckDBPyConnection, folder: Path, column: Column) -> str:
    x = f"({column.value})::DOUBLE"
    wrong = f"NOT isfinite({x}) OR {x} < {_number(column.minimum)} OR {x} > {_number(column.maximum)}"
    statement = f"SELECT video_id, {x} FROM read_parquet(?) WHERE {wrong} ORDER BY 1 LIMIT {EXAMPLES}"
    found = connection.execute(statement, [every_parquet(folder)]).fetchall()
    return ", ".join(f"{video}: {value:g}" for video, value in found)


def _number(value: float) -> str:
    return f"'{value}'::DOUBLE" if np.isinf(value) else repr(value)
