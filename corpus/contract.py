"""What a corpus is: a folder of tables and media with these columns and types. Nothing else is read by a run.

    corpus.json        name, whether it is simulated, how it was made, what its dense tables hold
    videos/*.parquet   video_id, published_at, title, overlay_text, group_id, media_uri
    labels/*.parquet   video_id, task, label, labeled_at, source
    dense/TABLE/*.parquet   video_id, event_timestamp, created_timestamp, the features that corpus.json declares
    media/             the videos; media_uri is relative to the corpus, absolute, a URL that fsspec reads,
                       or null for a video that is not stored

A table is one or more Parquet files, by convention one a day.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from common.dense_table import CORPUS_FILE, DenseTable, TableName
from common.errors import UserError
from common.files import whole

TIMESTAMP = pa.timestamp("us", "UTC")  # microseconds are what Feast and DuckDB keep of a time
VIDEOS = pa.schema(
    [
        ("video_id", pa.string()),
        ("published_at", TIMESTAMP),
        ("title", pa.string()),
        ("overlay_text", pa.string()),
        ("group_id", pa.string()),
        ("media_uri", pa.string()),
    ]
)
DIGITS = 16  # of a snapshot in hexadecimal, 64 bits: no two of a user's corpora share them by chance
LABELS = pa.schema(
    [
        ("video_id", pa.string()),
        ("task", pa.string()),
        ("label", pa.string()),
        ("labeled_at", TIMESTAMP),
        ("source", pa.string()),
    ]
)
DENSE_KEYS = pa.schema([("video_id", pa.string()), ("event_timestamp", TIMESTAMP), ("created_timestamp", TIMESTAMP)])


class CorpusError(UserError):
    """A corpus that breaks the contract, or is not there. The message names the table, column and way out."""


class Manifest(BaseModel, frozen=True, extra="forbid"):
    """corpus.json: where the corpus comes from, in words a reader of a report can judge, and its dense tables."""

    name: str
    simulated: bool
    made_by: str
    description: str
    dense: dict[TableName, DenseTable]


def read_manifest(corpus: Path) -> Manifest:
    """corpus.json, which is written last: a folder without it is no corpus, or not yet one."""
    path = corpus / CORPUS_FILE
    if not path.is_file():
        raise CorpusError(
            f"there is no corpus at {corpus}: make one with 'cpfd corpus simulate' or 'cpfd corpus import'"
        )
    try:
        return Manifest.model_validate_json(path.read_text())
    except ValidationError as error:
        if [(each["type"], each["loc"]) for each in error.errors()] == [("missing", ("dense",))]:
            raise CorpusError(
                f"{path} does not declare the corpus's dense tables, as it is of an older version: make the corpus "
                "again, with --replace"
            ) from error
        raise CorpusError(f"{path} is not a corpus's description: make the corpus again") from error
    except ValueError as error:
        raise CorpusError(f"{path} is not a corpus's description: make the corpus again") from error


def read_table(folder: Path, schema: pa.Schema, rows: pc.Expression | None = None) -> pa.Table:
    """A table's files as one, in the contract's columns and types; ``rows`` says which to keep.

    Files are read one by one and the schema's columns alone, so that memory holds what is kept, however far back the
    corpus reaches.

    Raises:
        CorpusError: missing table or column, a type that cannot be read as the contract's, a timestamp
            without zone, a file that is not Parquet.
    """
    tables = []
    for file in _parquet_files(folder):
        name = f"{folder.name}/{file.name}"
        try:
            with pq.ParquetFile(file) as parquet:
                _require_columns(parquet.schema_arrow.names, schema, name)
                table = parquet.read(columns=schema.names)
        except (pa.ArrowInvalid, OSError) as error:
            raise CorpusError(f"{file} is not a whole Parquet file: {error}") from error
        table = conform(table, schema, name)
        tables.append(table if rows is None else table.filter(rows))
    return pa.concat_tables(tables)


def table_files(folder: Path, schema: pa.Schema) -> list[Path]:
    """A table's files, each of which has the contract's columns in types that can be read as the contract's.

    Raises:
        CorpusError: as ``read_table``, but for values that only reading shows.
    """
    files = _parquet_files(folder)
    for file in files:
        try:
            found = pq.read_schema(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise CorpusError(f"{file} is not a whole Parquet file: {error}") from error
        name = f"{folder.name}/{file.name}"
        conform(found.empty_table(), schema, name)
        small = [column.lower() for column in found.names]
        if twice := [column for column in schema.names if small.count(column) > 1]:
            raise CorpusError(f"{name} has columns that differ from {twice[0]} by capital letters alone: leave one")
    return files


def _parquet_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise CorpusError(f"the corpus has no table {folder.name}: no Parquet file in {folder}")
    return files


def conform(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """``table`` in the columns and types of ``schema``; ``name`` is what messages call it.

    Of times in nanoseconds the microseconds count.
    """
    _require_columns(table.column_names, schema, name)
    columns = []
    for field in schema:
        column = table[field.name]
        if pa.types.is_timestamp(field.type) and not (pa.types.is_timestamp(column.type) and column.type.tz):
            raise CorpusError(
                f"{name}.{field.name} has no time zone (its type is {column.type}): "
                "write timestamps with a zone, or give the import mapping a 'timezone'"
            )
        try:
            finer = pa.types.is_timestamp(column.type) and column.type.unit == "ns"
            columns.append(column.cast(field.type, safe=not finer))  # a safe cast refuses what it would cut off
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise CorpusError(f"{name}.{field.name} cannot be read as {field.type}: {error}") from error
    return pa.table(columns, schema=schema)


def _require_columns(present: list[str], schema: pa.Schema, name: str) -> None:
    for column in schema.names:
        if column not in present:
            raise CorpusError(f"{name} has no column {column}: it has {', '.join(present)}")


def write_by_day(table: pa.Table, folder: Path, column: str) -> None:
    """Write a table as one file a day of ``column``: ``2026-06-01.parquet``."""
    folder.mkdir(parents=True, exist_ok=True)
    if not len(table):
        pq.write_table(table, folder / "empty.parquet")
        return
    table = table.sort_by([(column, "ascending"), ("video_id", "ascending")])
    days = pc.strftime(table[column], "%Y-%m-%d").to_numpy(zero_copy_only=False)
    starts = [0, *(i for i in range(1, len(days)) if days[i] != days[i - 1])]
    for start, stop in zip(starts, [*starts[1:], len(days)], strict=True):
        pq.write_table(table.slice(start, stop - start), folder / f"{days[start]}.parquet")


@contextmanager
def new_corpus(target: Path, manifest: Manifest, replace: bool) -> Iterator[Path]:
    """A folder to fill with tables and media, which becomes ``target`` only when it is whole.

    Raises:
        CorpusError: ``target`` exists and ``replace`` is off, or it is no corpus; it is left as it is.
    """
    if target.exists() and not replace:
        raise CorpusError(f"{target} is there already: name another with --name, or replace it with --replace")
    if target.exists() and not (target / CORPUS_FILE).is_file():
        raise CorpusError(f"{target} is not a corpus, so it is not replaced")
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as partial:
        partial.mkdir()
        yield partial
        (partial / CORPUS_FILE).write_text(json.dumps(manifest.model_dump(exclude_none=True), indent=2) + "\n")


def snapshot_id(corpus: Path) -> str:
    """A digest of the corpus's tables and manifest: the data that a run is a function of.

    Media are covered by name only, as their bytes are immutable by contract; a changed video is a new URI.
    """
    digest = hashlib.sha256()
    for path in sorted([corpus / CORPUS_FILE, *corpus.glob("*/*.parquet"), *corpus.glob("dense/*/*.parquet")]):
        digest.update(str(path.relative_to(corpus)).encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:DIGITS]


def media_source(corpus: Path, media_uri: str) -> str:
    """What ``media_uri`` points to: URLs and absolute paths as they are, others below the corpus."""
    return media_uri if "://" in media_uri else str(corpus / media_uri)


def newest_publication(corpus: Path) -> "pa.TimestampScalar":
    """The latest published_at of the corpus."""
    return publication_span(corpus)[1]


def publication_span(corpus: Path) -> tuple["pa.TimestampScalar", "pa.TimestampScalar"]:
    """The first and the latest published_at of the corpus."""
    span = pc.min_max(read_table(corpus / "videos", pa.schema([VIDEOS.field("published_at")]))["published_at"])
    if not span["max"].is_valid:
        raise CorpusError(f"the corpus at {corpus} has no videos")
    return span["min"], span["max"]


def day_after(moment: datetime) -> datetime:
    """Midnight in UTC after a moment: where a window ends by default, the moment being the newest publication."""
    day = moment.astimezone(UTC)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
