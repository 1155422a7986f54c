"""What a corpus holds, in figures: videos, labels by name and class, dense tables. Reads only what it counts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from common.dense_table import DenseTable
from common.sql import every_parquet
from corpus.contract import CorpusError, read_manifest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000_000  # microseconds

# A video may stand there twice, and counts once.
VIDEOS = """
SELECT count(DISTINCT video_id), count(DISTINCT video_id) FILTER (media_uri IS NOT NULL), count(DISTINCT group_id),
    min(epoch_us(published_at)), max(epoch_us(published_at))
FROM videos
"""
CLASSES = "SELECT task, label, count(*) FROM labels GROUP BY ALL ORDER BY task, 3 DESC, label"
# The median of delays, as a mean would follow the few labels that came months later.
TIMES = """
SELECT task, count(*), count(DISTINCT video_id), min(epoch_us(labeled_at)), max(epoch_us(labeled_at)),
    median(epoch_us(labeled_at) - published)
FROM labels LEFT JOIN (
    SELECT video_id, min(epoch_us(published_at)) AS published FROM videos GROUP BY video_id
) USING (video_id)
GROUP BY task ORDER BY task
"""


@dataclass(frozen=True)
class Labels:
    """The labels of one name. The delay is counted from the publication of their videos, null if none is there."""

    name: str
    labels: int
    videos: int
    classes: dict[str, int]
    first: datetime | None
    last: datetime | None
    median_delay_hours: float | None


@dataclass(frozen=True)
class Dense:
    """A dense table: what the corpus declares of it, and how many rows it has."""

    name: str
    rows: int
    declared: DenseTable


@dataclass(frozen=True)
class Summary:
    """A corpus. ``stored`` is how many of the videos have media, ``groups`` how many groups they are of."""

    name: str
    folder: Path
    simulated: bool
    made_by: str
    description: str
    videos: int
    stored: int
    groups: int
    first: datetime | None
    last: datetime | None
    labels: list[Labels]
    dense: list[Dense]


def summarise(corpus: Path) -> Summary:
    """The summary of the corpus in this folder.

    Raises:
        CorpusError: there is no corpus, or a table of it cannot be read.
    """
    manifest = read_manifest(corpus)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            for table in ("videos", "labels"):
                files = every_parquet(corpus / table)
                connection.read_parquet(files, union_by_name=True).create_view(table)
            videos, stored, groups, first, last = connection.execute(VIDEOS).fetchone() or (0, 0, 0, None, None)
            labels = _labels(connection)
            dense = [
                Dense(name, _rows(corpus / "dense" / name, connection), table) for name, table in manifest.dense.items()
            ]
        except duckdb.Error as error:
            raise CorpusError(f"the tables of {corpus} cannot be read: {error}") from error
    return Summary(
        name=manifest.name,
        folder=corpus,
        simulated=manifest.simulated,
        made_by=manifest.made_by,
        description=manifest.description,
        videos=videos,
        stored=stored,
        groups=groups,
        first=_time(first),
        last=_time(last),
        labels=labels,
        dense=dense,
    )


def _labels(connection: duckdb.DuckDBPyConnection) -> list[Labels]:
    counted: dict[str, dict[str, int]] = {}
    for name, label, count in connection.execute(CLASSES).fetchall():
        counted.setdefault(name, {})[label] = count
    return [
        Labels(name, labels, videos, counted[name], _time(first), _time(last), None if delay is None else delay / HOUR)
        for name, labels, videos, first, last, delay in connection.execute(TIMES).fetchall()
    ]


def _rows(folder: Path, connection: duckdb.DuckDBPyConnection) -> int:
    """As the files' footers say."""
    counted = "SELECT sum(num_rows) FROM parquet_file_metadata(?)"
    (rows,) = connection.execute(counted, [every_parquet(folder)]).fetchone() or (0,)
    return int(rows or 0)


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)
