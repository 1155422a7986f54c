"""A Feast offline store over Parquet files whose point-in-time join is DuckDB's as-of join.

Selected in ``feature_store.yaml``. It keeps the semantics of Feast's own DuckDB store, from which it inherits all
but the historical retrieval and the writing: every entity row comes out once, in the order given; memory is
bounded, histories may be long, ``persist`` to a folder can be resumed, and an appended batch is a file of its own.
"""

import glob
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureView
from feast.data_source import DataSource
from feast.errors import FeastEntityDFMissingColumnsError
from feast.infra.offline_stores import offline_utils
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore, DuckDBOfflineStoreConfig
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.types import from_feast_to_pyarrow_type
from pydantic import PositiveInt

from common.files import locked, whole
from common.sql import literal
from feature_repo.asof.entity_rows import EntityRows
from feature_repo.asof.job import DIGITS, AsofRetrievalJob
from feature_repo.asof.join import RESERVED, ViewQuery
from feature_repo.tables import FeatureError

NUMBERS = {pa.float32(): "FLOAT", pa.float64(): "DOUBLE"}  # whole numbers stay as they are: a cast would round


class AsofOfflineStoreConfig(DuckDBOfflineStoreConfig):
    """``offline_store`` of feature_store.yaml.

    ``memory_limit`` bounds what DuckDB holds, not the entity rows given as a DataFrame: give SQL for many.
    ``rows_per_partition`` counts rows of entities and sources together: what is joined at once, a fifth of it where
    files are read in place. Sources are not split for few entity rows, which leave little of them: a partition has at
    least ``entity_rows_per_partition``.
    """

    type: str = "feature_repo.asof.store.AsofOfflineStore"
    memory_limit: str = "4GB"  # of DuckDB, on a machine of 8 GB
    threads: PositiveInt | None = None
    temp_directory: str | None = None
    rows_per_partition: PositiveInt = 80_000_000  # joined within the limit above, as measured (README)
    entity_rows_per_partition: PositiveInt = 50_000  # fewer take less time than a partition's own cost


class AsofOfflineStore(DuckDBOfflineStore):
    """Feast's ``OfflineStore`` interface over DuckDB's as-of join. ``entity_df`` may be a DataFrame or DuckDB SQL."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
    ) -> RetrievalJob:
        """The values as of each entity row's time. Nothing is read but entity rows and Parquet footers until asked.

        Raises:
            FeatureError: a name in the result is taken already or is one of the join's own, or a view reads no Parquet
                files.
        """
        entity = EntityRows.of(entity_df, config.offline_store)
        expected = offline_utils.get_expected_join_keys(project, feature_views, registry)
        if missing := expected - set(entity.schema):
            raise FeastEntityDFMissingColumnsError(expected, missing)
        views = [
            view_query(view, feature_refs, config, full_feature_names, filter_by_created_timestamp, entity.connection)
            for view in feature_views
        ]
        require_names(list(entity.schema), views)
        metadata = RetrievalMetadata(
            features=feature_refs,
            keys=[column for column in entity.schema if column != entity.timestamp],
            min_event_timestamp=entity.first,
            max_event_timestamp=entity.last,
        )
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        return AsofRetrievalJob(config.offline_store, entity, views, on_demand, full_feature_names, metadata)

    def get_table_column_names_and_types_from_data_source(
        self, config: RepoConfig, data_source: DataSource
    ) -> list[tuple[str, str]]:
        """The columns of a source's first file and their Arrow types; Feast's own asks for a file, not a pattern."""
        return [(field.name, str(field.type)) for field in _schema(_path(data_source, config))]

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Append a batch as a file of its own beside those that are there; none of them is touched.

        The same batch written twice is one file, so that an append can be repeated after a failure.

        Raises:
            FeatureError: the view does not read a folder of Parquet files, or the batch has other columns or types.
        """
        path = _path(feature_view.batch_source, config)
        if "*" not in Path(path).name:
            raise FeatureError(f"the view {feature_view.name} reads one file, {path}: give it a folder to append to")
        schema = _schema(path)
        try:
            table = table.select(schema.names).cast(schema).combine_chunks()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as error:
            raise FeatureError(f"the rows for {feature_view.name} do not fit its files: {error}") from error
        digest = hashlib.sha256()
        for batch in table.to_batches():
            digest.update(batch.serialize())
        folder = Path(path).parent
        with locked(folder), whole(folder / f"appended-{digest.hexdigest()[:DIGITS]}.parquet") as partial:
            pq.write_table(table, partial)
        if progress:
            progress(len(table))


def view_query(
    view: FeatureView,
    feature_refs: list[str],
    config: RepoConfig,
    full_feature_names: bool,
    cut_off: bool,
    connection: duckdb.DuckDBPyConnection,
) -> ViewQuery:
    """What a retrieval reads of one view, by the names that its files use."""
    source = view.batch_source
    in_files = {feature: column for column, feature in source.field_mapping.items()}
    prefix = view.projection.name_to_use()
    asked = [ref.split(":", 1)[1] for ref in feature_refs if ref.split(":", 1)[0] == prefix]
    declared = {field.name: from_feast_to_pyarrow_type(field.dtype) for field in view.features}
    shown = view.projection.name_alias or view.name
    return ViewQuery(
        name=prefix,
        files=_files(_path(source, config), connection),
        keys={
            in_files.get(key.name, key.name): view.projection.join_key_map.get(key.name, key.name)
            for key in view.entity_columns
        },
        event=in_files.get(source.timestamp_field, source.timestamp_field),
        created=in_files.get(source.created_timestamp_column, source.created_timestamp_column) or None,
        features={
            f"{shown}__{name}" if full_feature_names else name: (
                in_files.get(name, name),
                NUMBERS.get(declared.get(name), ""),
            )
            for name in asked
        },
        ttl=view.ttl or None,
        cut_off=cut_off,
    )


def require_names(columns: list[str], views: list[ViewQuery]) -> None:
    """Raise FeatureError unless the result's names differ in more than case, and none is one of the join's own."""
    taken = {name.casefold() for name in columns}
    for view, name in [(each, name) for each in views for name in each.features]:
        if name.casefold() in taken:
            raise FeatureError(f"{name} of {view.name} is a column of the result already: ask for full feature names")
        taken.add(name.casefold())
    for name in [*columns, *(name for each in views for name in (*each.columns, *each.features))]:
        if RESERVED.fullmatch(name):
            raise FeatureError(f"the join keeps the name {name} for itself: give the column another")


def _path(source: DataSource, config: RepoConfig) -> str:
    """What a source reads: a file, a pattern of names, or every file of a folder."""
    if not isinstance(source, FileSource):
        raise FeatureError(f"{source.name} is not a source of Parquet files: give the view a FileSource")
    path = str(FileSource.get_uri_for_file_path(config.repo_path, source.path)).removeprefix("file://")
    return f"{path}/*.parquet" if Path(path).is_dir() else path


def _files(path: str, connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The files that there are now. A folder of that very name is no pattern."""
    folder, _, name = path.rpartition("/")
    pattern = f"{glob.escape(folder)}/{name}" if Path(folder).is_dir() else path
    found = connection.execute(f"SELECT file FROM glob({literal(pattern)}) ORDER BY 1").fetchall()
    if not found:
        raise FeatureError(f"there is no file {path}")
    return tuple(name for (name,) in found)


def _schema(path: str) -> pa.Schema:
    """The schema of the first file that a path names."""
    found = sorted(Path(path).parent.glob(Path(path).name))
    if not found:
        raise FeatureError(f"there is no file {path}")
    return pq.read_schema(found[0]).remove_metadata()
