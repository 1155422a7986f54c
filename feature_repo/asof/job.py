"""The retrieval itself: small ones in one statement, large ones partition by partition, resumable."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.saved_dataset import SavedDatasetStorage

from common.artifacts import RETRIEVAL_FILE
from common.files import locked, remove, whole
from common.sql import literal, quote
from feature_repo.asof.entity_rows import EntityRows
from feature_repo.asof.join import ViewQuery, join_statement, key_sets
from feature_repo.asof.partitions import Partitioning, Relations, Report, by_hash, by_range, partition
from feature_repo.tables import FeatureError

ROW = "__row"
DIGITS = 16  # of a digest in hexadecimal, 64 bits: no two retrievals into one folder share them by chance


class AsofRetrievalJob(RetrievalJob):
    """A retrieval that is computed when its rows are asked for, or written to a folder of Parquet partitions."""

    def __init__(
        self,
        settings: Any,
        entity: EntityRows,
        views: list[ViewQuery],
        on_demand: list[OnDemandFeatureView],
        full_feature_names: bool,
        metadata: RetrievalMetadata,
    ) -> None:
        super().__init__()
        self.settings, self.entity, self.views = settings, entity, views
        self._on_demand, self._full_feature_names, self._metadata = on_demand, full_feature_names, metadata

    @property
    def full_feature_names(self) -> bool:
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata:
        return self._metadata

    def to_sql(self) -> str:
        """The whole retrieval as one DuckDB statement, rows in the order given."""
        entity = f"SELECT *, row_number() OVER () AS {ROW} FROM ({self.entity.sql})"
        relations = {view.name: view.rows for view in self.views}
        joined = self._join(self.entity, entity, [*self.entity.schema, ROW], relations)
        return f"SELECT * EXCLUDE ({ROW}) FROM ({joined}) ORDER BY {ROW}"

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        with self._ordered():
            return self.entity.connection.execute(self.to_sql()).to_arrow_table()

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._to_arrow_internal(timeout).to_pandas()

    @contextmanager
    def _ordered(self) -> Iterator[None]:
        """Number rows in the order given: a scan gives them in any order unless it is asked for theirs."""
        self.entity.connection.execute("SET preserve_insertion_order = true")
        try:
            yield
        finally:
            self.entity.connection.execute("SET preserve_insertion_order = false")

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Write to the storage's path, which is a folder of partitions. Goes on with what an earlier call left there.

        Raises:
            SavedDatasetLocationAlreadyExists: another retrieval is there and ``allow_overwrite`` is off, or the folder
                holds something that is no retrieval, which is never removed.
        """
        path = storage.to_data_source().path.removeprefix("file://")
        self.write(Path(path), allow_overwrite)

    def write(self, folder: Path, allow_overwrite: bool = False, report: Report = lambda _: None) -> None:
        """As ``persist``; ``report`` is given a line for each table split and each partition written.

        ``folder`` then holds part-00000.parquet, ... and ``_retrieval.json``, whose ``complete`` is true once all
        parts are there. A part has its name only when it is whole.

        Raises:
            FeatureError: another retrieval writes to the folder at this moment, or what is read changed meanwhile.
        """
        plan = {"digest": self.digest, "partitions": self.partitions, "rows": self.entity.rows}
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, f"another retrieval writes to {folder} now: wait for it, or name another"):
            found = _manifest(folder)
            if {key: found.get(key) for key in plan} != plan:
                if any(folder.iterdir()) and not (allow_overwrite and found):
                    raise SavedDatasetLocationAlreadyExists(location=str(folder))
                _empty(folder)
            elif found["complete"] and self._missing(folder) == 0:
                report(f"all {self.partitions} partitions are there already")
                return
            _write_manifest(folder, {**plan, "complete": False})
            self._write_parts(folder, report)
            if self._missing(folder) or self._stamped() != self.digest:
                _empty(folder)
                raise FeatureError(f"the rows for {folder} changed while they were read: retrieve them again")
            _write_manifest(folder, {**plan, "complete": True})

    def _write_parts(self, folder: Path, report: Report) -> None:
        work = folder / ".work"
        work.mkdir(exist_ok=True)
        with self.entity.spilling_to(work / "spill", self.settings) as entity:
            relations = self._relations(entity, work, report)
            for part in range(self.partitions):
                target = folder / f"part-{part:05}.parquet"
                if _rows(target) is not None:
                    continue
                asked, sources = relations(part)
                statement = self._join(entity, asked, list(entity.schema), sources)
                with whole(target) as partial:
                    copied = f"COPY ({statement}) TO {literal(str(partial))} (FORMAT parquet)"
                    (rows,) = entity.connection.execute(copied).fetchone() or (0,)
                report(f"partition {part + 1} of {self.partitions}: {rows:,} rows")
        shutil.rmtree(work, ignore_errors=True)

    def _missing(self, folder: Path) -> int:
        """How many entity rows no part holds."""
        return self.entity.rows - sum(_rows(part) or 0 for part in folder.glob("part-*.parquet"))

    def _join(self, entity: EntityRows, asked: str, columns: list[str], relations: dict[str, str]) -> str:
        once = set()
        for keys in key_sets(self.views):
            named = ", ".join(map(quote, keys)) or "1"
            counted = f"SELECT count(*) = count(DISTINCT ({named})) FROM ({asked})"
            if (entity.connection.execute(counted).fetchone() or (False,))[0]:
                once.add(keys)
        return join_statement(asked, columns, entity.timestamp, self.views, relations, once)

    @cached_property
    def _partitioning(self) -> Partitioning:
        return partition(self.entity, self.views, self.settings)

    @property
    def partitions(self) -> int:
        """How many partitions are joined one by one."""
        return self._partitioning.count

    @property
    def bounds(self) -> list[str]:
        """Where partitions begin if they are read in place; empty if they are split by a hash."""
        return self._partitioning.bounds

    def _relations(self, entity: EntityRows, work: Path, report: Report) -> Relations:
        """Each partition's entity rows, and rows by view, as SQL."""
        if self.partitions == 1:
            return lambda _: (entity.sql, {view.name: view.rows for view in self.views})
        if self.bounds:
            return by_range(entity, self.views, self._partitioning.keys, self.bounds)
        return by_hash(entity, self.views, self._partitioning.keys, self.partitions, work, report)

    @cached_property
    def digest(self) -> str:
        """What the result is a function of: entity rows, views, and their files as they were when first asked for."""
        return self._stamped()

    def _stamped(self) -> str:
        described: list[Any] = [self.entity.digest, self.partitions, self.bounds]
        described += [[asdict(view), *map(_stamp, view.files)] for view in self.views]
        return hashlib.sha256(json.dumps(described, default=str).encode()).hexdigest()[:DIGITS]


def _empty(folder: Path) -> None:
    """Remove what is in the folder: it may be a link or a mount itself."""
    for path in folder.iterdir():
        remove(path)


def _rows(part: Path) -> int | None:
    """How many rows a part holds; None if it is not there, or not whole."""
    try:
        return pq.read_metadata(part).num_rows
    except (OSError, pa.ArrowInvalid):
        return None


def _stamp(name: str) -> tuple[int, int]:
    stat = Path(name).stat() if Path(name).exists() else None  # an object store's names are immutable by contract
    return (stat.st_size, stat.st_mtime_ns) if stat else (0, 0)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / RETRIEVAL_FILE).read_text())
    except (OSError, ValueError):
        return {}


def _write_manifest(folder: Path, content: dict[str, Any]) -> None:
    with whole(folder / RETRIEVAL_FILE) as partial:
        partial.write_text(json.dumps(content))
