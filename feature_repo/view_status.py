"""How feature views are doing: how much they hold, how fresh they are, how much of it is missing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from feast import FeatureView
from feast.types import Array

from common.sql import quote
from feature_repo.tables import FeatureError, declared_tables, require_table
from feature_repo.views import feature_views, files_of, moments_of


@dataclass(frozen=True)
class ViewStatus:
    """A view's table: its rows, the newest writing, and the share of values missing by feature."""

    name: str
    owner: str
    description: str
    rows: int
    newest_written: datetime | None
    missing: dict[str, float]


def view_status(corpus: Path) -> list[ViewStatus]:
    """The status of every view. Raises FeatureError if a table is not there, or not as the corpus declares."""
    for name, table in declared_tables(corpus).items():
        require_table(corpus, name, table)
    return [_status(view) for view in feature_views(corpus).values()]


def _status(view: FeatureView) -> ViewStatus:
    names = [field.name for field in view.features]
    # What is not finite is missing, as for the checks of a run.
    counts = ", ".join(
        f"count({quote(field.name)})" if isinstance(field.dtype, Array)
        else f"count(*) FILTER (isfinite({quote(field.name)}::DOUBLE))"
        for field in view.features
    )  # fmt: skip
    statement = f"SELECT count(*), {counts} FROM read_parquet({files_of(view)}, union_by_name = true)"
    try:
        rows, *present = duckdb.execute(statement).fetchone() or (0,)
        (newest,) = duckdb.execute(f"SELECT max(epoch_us(created_timestamp)) FROM ({moments_of(view)})").fetchone() or (
            None,
        )
    except duckdb.Error as error:
        raise FeatureError(f"the dense table {view.name} cannot be read: {error}") from error
    return ViewStatus(
        name=view.name,
        owner=view.owner,
        description=view.description,
        rows=rows,
        newest_written=None if newest is None else datetime.fromtimestamp(newest / 1e6, UTC),
        missing={name: 1 - count / max(rows, 1) for name, count in zip(names, present, strict=True)},
    )
