"""How feature views are doing: how much they hold, how fresh they are, how much of it is missing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from feast import FeatureView
from feast.types import Array

from common.sql import every_parquet, literal, quote
from feature_repo.services import TASK_VIEWS
from feature_repo.tables import FeatureError, require_table
from feature_repo.views import feature_views


@dataclass(frozen=True)
class ViewStatus:
    """A view's table: its rows, the newest writing, and the share of values missing by feature."""

    name: str
    owner: str
    description: str
    tasks: tuple[str, ...]
    rows: int
    newest_written: datetime | None
    missing: dict[str, float]


def view_status(corpus: Path) -> list[ViewStatus]:
    """The status of every view whose table the corpus has. Raises FeatureError if one is not as its view says."""
    views = feature_views(str(corpus))
    return [_status(corpus, view) for name, view in views.items() if (corpus / "dense" / name).is_dir()]


def _status(corpus: Path, view: FeatureView) -> ViewStatus:
    require_table(corpus, view)
    names = [field.name for field in view.schema]
    # What is not finite is missing, as for the checks of a run.
    counts = ", ".join(
        f"count({quote(field.name)})" if isinstance(field.dtype, Array)
        else f"count(*) FILTER (isfinite({quote(field.name)}::DOUBLE))"
        for field in view.schema
    )  # fmt: skip
    files = literal(every_parquet(corpus / "dense" / view.name))
    statement = (
        f"SELECT count(*), max(epoch_us(created_timestamp)), {counts} FROM read_parquet({files}, union_by_name = true)"
    )
    try:
        rows, newest, *present = duckdb.execute(statement).fetchone() or (0, None)
    except duckdb.Error as error:
        raise FeatureError(f"the dense table {view.name} cannot be read: {error}") from error
    return ViewStatus(
        name=view.name,
        owner=view.owner,
        description=view.description,
        tasks=tuple(task for task, used in TASK_VIEWS.items() if view.name in used),
        rows=rows,
        newest_written=None if newest is None else datetime.fromtimestamp(newest / 1e6, UTC),
        missing={name: 1 - count / max(rows, 1) for name, count in zip(names, present, strict=True)},
    )
