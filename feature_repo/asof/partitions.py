"""A large retrieval in partitions that are joined one by one: read in place by ranges of a key, or split by its hash.

Ids that grow with time lie in the files nearly in order, and a range of them is few row groups: nothing needs to be
written. What lies in no order is written once more, each partition's rows together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.files import whole
from common.sql import every_parquet, literal, quote
from feature_repo.asof.entity_rows import EntityRows
from feature_repo.asof.join import ViewQuery

Report = Callable[[str], None]
Relations = Callable[[int], tuple[str, dict[str, str]]]
READS = 2.0  # a split reads and writes each row once more: what is read in place may be read as often
FINER = 5  # partitions read in place are smaller, which is faster and costs nothing; splitting into more does cost
SAMPLED = 100_000  # entity rows that bounds of ranges are found from: partitions then differ by a few percent
WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}


@dataclass(frozen=True)
class Partitioning:
    """How many partitions there are, by which shared keys, and where each but the first begins if read in place."""

    count: int
    keys: dict[str, str]
    bounds: list[str]


def partition(entity: EntityRows, views: Sequence[ViewQuery], settings: Any) -> Partitioning:
    """How a retrieval is cut, by the row counts in the files' footers."""
    rows = entity.rows
    for view in views:
        counted = f"SELECT sum(num_rows) FROM parquet_file_metadata({view.listed})"
        (held,) = entity.connection.execute(counted).fetchone() or (0,)
        rows += int(held or 0)

    def count(rows_per_partition: int) -> int:
        most = -(-entity.rows // settings.entity_rows_per_partition)
        return min(-(-rows // rows_per_partition), most) or 1

    finer = count(-(-settings.rows_per_partition // FINER))
    if finer == 1:
        return Partitioning(1, {}, [])
    keys = shared_keys(entity, views)
    bounds = range_bounds(entity, views, keys, finer)
    return Partitioning(len(bounds) + 1 if bounds else count(settings.rows_per_partition), keys, bounds)


def shared_keys(entity: EntityRows, views: Sequence[ViewQuery]) -> dict[str, str]:
    """The columns of the entity rows by which every view is joined, each with the type that it is partitioned in.

    Keys that the join finds equal must be alike in that type; where there is none, as of a number and a text, the
    column is not shared.
    """
    types = [_types(entity, entity.sql)]
    for view in views:
        in_files = _types(entity, view.rows)
        types.append({key: in_files[column] for key, column in view.key_columns.items() if column in in_files})
    shared = {key: common_type({each[key] for each in types}) for key in sorted(set.intersection(*map(set, types)))}
    return {key: dtype for key, dtype in shared.items() if dtype}


def _types(entity: EntityRows, sql: str) -> dict[str, str]:
    relation = entity.connection.sql(sql)
    return dict(zip(relation.columns, map(str, relation.types), strict=True))


def common_type(types: set[str]) -> str | None:
    """The DuckDB type in which values of ``types`` are alike exactly if a join finds them equal."""
    if all(dtype == "VARCHAR" or dtype.startswith("ENUM") for dtype in types):
        return "VARCHAR"
    if types <= WHOLE:
        return "BIGINT"
    if types <= {*WHOLE, "DOUBLE"}:  # whole numbers of which some are missing are floats in pandas
        return "DOUBLE"
    return next(iter(types)) if len(types) == 1 else None


def range_bounds(entity: EntityRows, views: Sequence[ViewQuery], keys: Mapping[str, str], count: int) -> list[str]:
    """The least key of each partition but the first, as SQL, if partitions can be read in place; empty if not.

    They can be where views share one key, and the row groups of the files, by their statistics, would be read
    ``READS`` times at most.
    """
    if len(keys) != 1:
        return []
    ((key, dtype),), every = keys.items(), max(entity.rows // SAMPLED, 1)
    shares = [number / count for number in range(1, count)]
    found = entity.connection.execute(
        f"SELECT quantile_disc({cast(key, dtype)}, {shares}) FROM ({entity.sql}) "
        f"WHERE {quote(key)} IS NOT NULL AND hash({quote(key)}) % {every} = 0"
    ).fetchone()
    if not found or not found[0]:
        return []
    bounds = [f"CAST({literal(str(bound))} AS {dtype})" for bound in found[0]]
    (reads,) = entity.connection.execute(_reads(views, key, bounds, dtype)).fetchone() or (None,)
    return bounds if reads is not None and reads <= READS else []


def cast(column: str, dtype: str) -> str:
    """A column in a type, as SQL."""
    return f"CAST({quote(column)} AS {dtype})"


def _reads(views: Sequence[ViewQuery], key: str, bounds: list[str], dtype: str) -> str:
    """How often a row of the files is read in the mean if each range reads the row groups that it meets."""

    def below(statistic: str) -> str:
        return " + ".join(f"(TRY_CAST({statistic} AS {dtype}) >= {bound})::INTEGER" for bound in bounds)

    groups = " UNION ALL ".join(
        f"SELECT row_group_num_rows AS rows, {below('stats_max_value')} - ({below('stats_min_value')}) + 1 AS met "
        f"FROM parquet_metadata({view.listed}) WHERE path_in_schema = {literal(view.key_columns[key])}"
        for view in views
    )
    return f"SELECT sum(rows * coalesce(met, {len(bounds) + 1})) / sum(rows) FROM ({groups})"


def by_range(
    entity: EntityRows, views: Sequence[ViewQuery], keys: Mapping[str, str], bounds: Sequence[str]
) -> Relations:
    """Partitions as conditions on the key that all views share. Entity rows without a key are of the first."""
    ((key, dtype),) = keys.items()

    def within(column: str, part: int) -> str:
        above = f"{cast(column, dtype)} >= {bounds[part - 1]}" if part else "TRUE"
        below = f"{cast(column, dtype)} < {bounds[part]}" if part < len(bounds) else "TRUE"
        return f"{above} AND {below}"

    def relations(part: int) -> tuple[str, dict[str, str]]:
        sources = {view.name: f"{view.rows} WHERE {within(view.key_columns[key], part)}" for view in views}
        keyless = "" if part else f" OR {quote(key)} IS NULL"
        return f"SELECT * FROM ({entity.sql}) WHERE ({within(key, part)}){keyless}", sources

    return relations


def by_hash(
    entity: EntityRows, views: Sequence[ViewQuery], keys: Mapping[str, str], count: int, work: Path, report: Report
) -> Relations:
    """Write entity rows and sources to ``work`` by a hash of the keys that all views share; what is there stays.

    Rows of a source that are known after the last entity row are left out. Views that share no key with the others
    are read whole for every partition.
    """

    def split(target: Path, sql: str, by: Mapping[str, str], what: str) -> None:
        if target.exists():
            return
        hashed = ", ".join(cast(column, dtype) for column, dtype in by.items())
        with whole(target) as partial:
            entity.connection.execute(
                f"COPY (SELECT *, hash({hashed}) % {count} AS __part FROM ({sql})) "
                f"TO {literal(str(partial))} (FORMAT parquet, COMPRESSION lz4_raw, PARTITION_BY (__part))"
            )
        report(f"split {what} into {count} partitions")

    split(work / "entity", entity.sql, keys or dict.fromkeys(entity.schema, "VARCHAR"), "entity rows")
    in_time = f"<= epoch_us(CAST({literal(str(entity.last))} AS TIMESTAMPTZ))" if entity.last else "IS NULL"
    for number, view in enumerate(views if keys else []):
        rows = f"{view.rows} WHERE {view.usable()} AND {view.known()} {in_time}"
        by = {view.key_columns[key]: dtype for key, dtype in keys.items()}
        split(work / f"view-{number}", rows, by, view.name)

    def relations(part: int) -> tuple[str, dict[str, str]]:
        sources = {view.name: _part_of(work / f"view-{number}", part, view.rows) for number, view in enumerate(views)}
        return _part_of(work / "entity", part, entity.sql), sources

    return relations


def _part_of(table: Path, part: int, otherwise: str) -> str:
    """One partition of a split table: its rows, none if it has none; the whole table if it was not split."""
    if not table.exists():
        return otherwise
    folder = table / f"__part={part}"
    if not folder.exists():
        return f"SELECT * FROM ({otherwise}) WHERE false"
    return f"SELECT * FROM read_parquet({literal(every_parquet(folder))}, hive_partitioning = false)"
