"""The privileged feature views of a corpus: one a dense table that it declares, and those that are written by hand.

A field's tags ``minimum`` and ``maximum`` are its range, which the validation of a run holds it to.
"""

import glob
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.data_source import DataSource
from feast.types import Array, Float32

from common.dense_table import DenseTable, Feature
from common.sql import every_parquet, literal, quote
from feature_repo.tables import KEY, TIMES, declared_tables

video = Entity(name="video", join_keys=["video_id"], value_type=ValueType.STRING, description="One short video")

# A view of special kind (with a ttl, renamed columns, another source) is written by hand: a function of the corpus's
# path and the profile, which gives the view, or None for a corpus that it is not for. It takes the place of a declared
# table of its name. ``table_source`` is the source of a dense table.
HAND_WRITTEN: list[Callable[[Path, str], FeatureView | None]] = []


def feature_views(corpus: Path, profile: str = "local") -> dict[str, FeatureView]:
    """All views of a corpus by name.

    Raises:
        FeatureError: there is no corpus, or it declares no dense tables.
    """
    corpus = corpus.resolve()  # a relative path would be looked for in the repository
    views = {name: _view(corpus, name, table, profile) for name, table in declared_tables(corpus).items()}
    for make in HAND_WRITTEN:
        view = make(corpus, profile)
        if view is not None:
            views[view.name] = view
    return views


def table_source(corpus: Path, table: str, profile: str) -> DataSource:
    """The files of a dense table, in the words of the profile's offline store."""
    times = {"timestamp_field": "event_timestamp", "created_timestamp_column": "created_timestamp"}
    if profile == "spark":
        from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

        return SparkSource(name=f"{table}_table", path=f"{corpus}/dense/{table}", file_format="parquet", **times)
    return FileSource(name=f"{table}_table", path=f"{corpus}/dense/{table}/*.parquet", **times)


def files_of(view: FeatureView) -> str:
    """What a view of the local profile reads, as DuckDB's ``read_parquet`` takes it."""
    path = Path(view.batch_source.path.removeprefix("file://"))
    if path.name == "*.parquet" or path.is_dir():
        return literal(every_parquet(path if path.is_dir() else path.parent))
    return literal(glob.escape(str(path)))


def moments_of(view: FeatureView) -> str:
    """Which videos a view of the local profile has values of, observed and written when, as a statement of DuckDB."""
    source = view.batch_source
    in_files = {name: column for column, name in source.field_mapping.items()}
    event, created = source.timestamp_field, source.created_timestamp_column or source.timestamp_field
    named = {
        KEY: in_files.get(KEY, KEY),
        TIMES[0]: in_files.get(event, event),
        TIMES[1]: in_files.get(created, created),
    }
    columns = ", ".join(f"{quote(column)} AS {name}" for name, column in named.items())
    return f"SELECT {columns} FROM read_parquet({files_of(view)}, union_by_name = true)"


def _view(corpus: Path, name: str, table: DenseTable, profile: str) -> FeatureView:
    return FeatureView(
        name=name,
        description=table.description,
        entities=[video],
        schema=[_field(feature, declared) for feature, declared in table.features.items()],
        source=table_source(corpus, name, profile),
        ttl=timedelta(0),  # none: a value counts until a newer one is known
        online=False,
        owner=table.owner,
        tags={"privileged": "true"},
    )


def _field(name: str, feature: Feature) -> Field:
    limits = {"minimum": feature.minimum, "maximum": feature.maximum}
    return Field(
        name=name,
        dtype=Array(Float32) if feature.type == "vector" else Float32,
        description=feature.description,
        tags={limit: _written(value) for limit, value in limits.items() if value is not None},
    )


def _written(value: float) -> str:
    """A number as text, every digit of it, whole ones without a point."""
    return str(int(value)) if value.is_integer() else repr(value)
