"""A large retrieval in partitions that are joined one by one: read in place by ranges of a key, or split by its hash.

Ids that grow with time lie in the files nearly in order, and a range of them is few row groups: nothing needs to be
written. What lies in no order is written once more, each partition's rows together.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from feature_repo.asof_entity import EntityRows
from feature_repo.asof_join import ViewQuery, literal, quote

Tell = Callable[[str], None]
Relations = Callable[[int], tuple[str, dict[str, str]]]
READS = 2.0  # a split reads and writes each row once more: what is read in place may be read as often
FINER = 5  # partitions read in place are smaller, which is faster and costs nothing; splitting into more does cost
SAMPLED = 100_000  # entity rows that bounds of ranges are found from


def partition(entity: EntityRows, views: Sequence[ViewQuery], settings: Any) -> tuple[int, list[str]]:
    """How many partitions there are, and where each but the first begins if they are read in place; else nothing."""
    rows = entity.rows
    for view in views:
        counted = f"SELECT sum(num_rows) FROM parquet_file_metadata({literal(view.files)})"
        (held,) = entity.connection.execute(counted).fetchone() or (0,)
        rows += int(held or 0)

    def count(rows_per_partition: int) -> int:
        most = -(-entity.rows // settings.entity_rows_per_partition)
        return min(-(-rows // rows_per_partition), most) or 1

    bounds = range_bounds(entity, views, count(-(-settings.rows_per_partition // FINER)))
    return (len(bounds) + 1 if bounds else count(settings.rows_per_partition)), bounds


def shared_keys(views: Sequence[ViewQuery]) -> list[str]:
    """The columns of the entity rows by which every view is joined."""
    return sorted(set.intersection(*({*view.keys.values()} for view in views)))


def range_bounds(entity: EntityRows, views: Sequence[ViewQuery], count: int) -> list[str]:
    """The least key of each partition but the first, as SQL, if partitions can be read in place; empty if not.

    They can be where views share one key, and the row groups of the files, by their statistics, would be read
    ``READS`` times at most.
    """
    keys = shared_keys(views)
    if count == 1 or len(keys) != 1:
        return []
    key, every = quote(keys[0]), max(entity.rows // SAMPLED, 1)
    shares = [number / count for number in range(1, count)]
    found = entity.connection.execute(
        f"SELECT quantile_disc({key}, {shares}), any_value(typeof({key})) FROM ({entity.sql}) "
        f"WHERE {key} IS NOT NULL AND hash({key}) % {every} = 0"
    ).fetchone()
    if not found or not found[0]:
        return []
    bounds = [f"CAST({literal(str(bound))} AS {found[1]})" for bound in found[0]]
    (reads,) = entity.connection.execute(_reads(views, keys[0], bounds, found[1])).fetchone() or (None,)
    return bounds if reads is not None and reads <= READS else []


def _reads(views: Sequence[ViewQuery], key: str, bounds: list[str], dtype: str) -> str:
    """How often a row of the files is read in the mean if each range reads the row groups that it meets."""

    def below(statistic: str) -> str:
        return " + ".join(f"(TRY_CAST({statistic} AS {dtype}) >= {bound})::INTEGER" for bound in bounds)

    groups = " UNION ALL ".join(
        f"SELECT row_group_num_rows AS rows, {below('stats_max_value')} - ({below('stats_min_value')}) + 1 AS met "
        f"FROM parquet_metadata({literal(view.files)}) WHERE path_in_schema = {literal(column)}"
        for view in views
        for column, name in view.keys.items()
        if name == key
    )
    return f"SELECT sum(rows * coalesce(met, {len(bounds) + 1})) / sum(rows) FROM ({groups})"


def by_range(entity: EntityRows, views: Sequence[ViewQuery], bounds: Sequence[str]) -> Relations:
    """Partitions as conditions on the key that all views share. Entity rows without a key are of the first."""
    (key,) = shared_keys(views)

    def within(column: str, part: int) -> str:
        above = f"{quote(column)} >= {bounds[part - 1]}" if part else "TRUE"
        below = f"{quote(column)} < {bounds[part]}" if part < len(bounds) else "TRUE"
        return f"{above} AND {below}"

    def relations(part: int) -> tuple[str, dict[str, str]]:
        sources = {
            view.name: f"{view.rows} WHERE {within(column, part)}"
            for view in views
            for column, name in view.keys.items()
            if name == key
        }
        keyless = "" if part else f" OR {quote(key)} IS NULL"
        return f"SELECT * FROM ({entity.sql}) WHERE ({within(key, part)}){keyless}", sources

    return relations


def by_hash(entity: EntityRows, views: Sequence[ViewQuery], count: int, work: Path, tell: Tell) -> Relations:
    """Write entity rows and sources to ``work`` by a hash of the keys that all views share; what is there stays.

    Rows of a source that are known after the last entity row are left out. Views that share no key with the others
    are read whole for every partition.
    """

    def split(target: Path, sql: str, by: list[str], what: str) -> None:
        if target.exists():
            return
        keys = ", ".join(f"CAST({quote(column)} AS VARCHAR)" for column in by)
        with whole(target) as partial:
            entity.connection.execute(
                f"COPY (SELECT *, hash({keys}) % {count} AS __part FROM ({sql})) "
                f"TO {literal(str(partial))} (FORMAT parquet, COMPRESSION lz4_raw, PARTITION_BY (__part))"
            )
        tell(f"split {what} into {count} partitions")

    shared = shared_keys(views)
    split(work / "entity", entity.sql, shared or list(entity.schema), "entity rows")
    last = f"epoch_us(CAST({literal(str(entity.last))} AS TIMESTAMPTZ))"
    for view in views if shared else []:
        in_files = {entity_key: column for column, entity_key in view.keys.items()}
        rows = f"{view.rows} WHERE {view.usable()} AND {view.known()} <= {last}"
        split(work / f"view-{view.name}", rows, [in_files[key] for key in shared], view.name)

    def relations(part: int) -> tuple[str, dict[str, str]]:
        sources = {view.name: _part_of(work / f"view-{view.name}", part, view.rows) for view in views}
        return _part_of(work / "entity", part, entity.sql), sources

    return relations


def _part_of(table: Path, part: int, otherwise: str) -> str:
    """One partition of a split table: its rows, none if it has none; the whole table if it was not split."""
    if not table.exists():
        return otherwise
    folder = table / f"__part={part}"
    if not folder.exists():
        return f"SELECT * FROM ({otherwise}) WHERE false"
    return f"SELECT * FROM read_parquet({literal(str(folder / '*.parquet'))}, hive_partitioning = false)"


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``target`` if nothing goes wrong, and is removed if something does."""
    partial = target.with_name(f".{target.name}.partial")
    _remove(partial)
    try:
        yield partial
        partial.rename(target)
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
