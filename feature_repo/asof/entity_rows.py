"""The rows that historical features are asked for: a DataFrame, or a DuckDB query over more than memory holds."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df

from common.sql import literal, quote
from feature_repo.tables import FeatureError


def connect(settings: Any, temp_directory: str | None) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own, in UTC, within the store's memory limit; what it cannot hold goes to ``temp_directory``."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET enable_progress_bar = false")
    connection.execute(f"SET memory_limit = {literal(settings.memory_limit)}")
    if settings.threads:
        connection.execute(f"SET threads = {settings.threads}")
    if temp_directory:
        connection.execute(f"SET temp_directory = {literal(temp_directory)}")
    return connection


@dataclass(frozen=True)
class EntityRows:
    """The rows to find values for: a relation of ``connection`` with its columns, times in UTC to the microsecond.

    ``digest`` changes with any name or value; ``given`` is the DataFrame, if it is one; ``first`` and ``last`` are the
    least and the greatest time.
    """

    connection: duckdb.DuckDBPyConnection
    given: pa.Table | None
    sql: str
    schema: dict[str, np.dtype]
    timestamp: str
    rows: int
    first: datetime | None
    last: datetime | None
    digest: str

    @classmethod
    def of(cls, entity_df: pd.DataFrame | str, settings: Any) -> "EntityRows":
        """Rows from a DataFrame, or from a DuckDB query."""
        connection, table = connect(settings, settings.temp_directory), None
        if isinstance(entity_df, str):
            given = f"({entity_df.strip().rstrip(';')}\n)"  # a query may end in a comment
            schema = connection.sql(f"FROM {given} LIMIT 0").df().dtypes.to_dict()
        elif isinstance(entity_df, pd.DataFrame):
            table = pa.Table.from_pandas(entity_df, preserve_index=False)
            connection.register("given", table)
            given, schema = "given", entity_df.dtypes.to_dict()
        else:
            raise FeatureError("historical features are retrieved for entity rows: give a DataFrame or a DuckDB query")
        timestamp = infer_event_timestamp_from_entity_df(schema)
        at = quote(timestamp)
        sql = f"SELECT * REPLACE (CAST({at} AS TIMESTAMPTZ) AS {at}) FROM {given}"
        rows, first, last, digest = connection.execute(
            f"SELECT count(*), min({at}), max({at}), sum(hash(entity)) FROM ({sql}) entity"
        ).fetchone() or (0, None, None, 0)
        described = f"{list(schema)}:{rows}:{digest}"
        return cls(connection, table, sql, schema, timestamp, rows, first, last, described)

    @contextmanager
    def spilling_to(self, folder: Path, settings: Any) -> Iterator["EntityRows"]:
        """The same rows in a DuckDB that spills to ``folder``, unless the settings say where: one can never change."""
        connection = connect(settings, settings.temp_directory or str(folder))
        if self.given is not None:
            connection.register("given", self.given)
        with closing(connection):
            yield replace(self, connection=connection)
