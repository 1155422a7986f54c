"""The videos of some months with the label that was known at their end, in DuckDB: texts of millions are never held."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common.artifacts import CATALOGUE_COLUMNS
from common.files import whole
from common.sql import literal, quote
from corpus.contract import LABELS, VIDEOS, CorpusError, table_files
from corpus.splitting import DIGITS

EXAMPLES = 5  # ids that a message names: enough to look at
# What DuckDB may hold, in bytes; it puts the rest on disk, but for what finds each video's newest label, which needs
# some 80 a row. With what Python holds of five million videos it is below a gibibyte.
LEAST_MEMORY, A_ROW = 384_000_000, 80
MOST_THREADS = 4
SORTED_ROW = 700  # bytes of a row with its texts, where these have to be sorted
CODE = f"('0x' || substr(sha256(coalesce(group_id, 'video ' || video_id, '')), 1, {DIGITS}))::UBIGINT"
# The newest of a video's labels made before the end; of equal ones the last that stands there.
NEWEST = """
CREATE TABLE newest AS SELECT video_id, unnest(max_by(
    struct_pack(label := label, label_source := source, labeled_at := labeled_at),
    struct_pack(labeled_at := labeled_at, place := place)
))
FROM labels WHERE labeled_at < $until GROUP BY video_id
"""
# Texts stay in their files: what is sorted here is a hundred bytes a row.
KNOWN = """
CREATE TABLE known AS
SELECT place, video_id, published_at, {code} AS code, label, label_source, coalesce(labeled_at, $until) AS as_of
FROM videos LEFT JOIN newest USING (video_id) ORDER BY published_at, video_id, place
"""


class KnownVideos:
    """A row a video, in the order of publication: ``video_id``, ``published_at``, ``label`` and ``label_source`` (null
    if none), ``as_of``, and ``code``, if groups were asked for (corpus.splitting)."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, corpus: Path) -> None:
        self._connection, self._corpus = connection, corpus

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM known").fetchall()[0][0])

    def arrays(self, *columns: str, rows: np.ndarray | None = None) -> pa.Table:
        """Some columns of all rows, or of those at the positions ``rows``."""
        where = ""
        if rows is not None:
            self._connection.register("positions", pa.table({"place": rows}))
            where = " WHERE rowid IN (SELECT place FROM positions) ORDER BY rowid"
        return self._connection.execute(f"SELECT {', '.join(map(quote, columns))} FROM known{where}").to_arrow_table()

    def write(self, path: Path, more: pa.Table) -> None:
        """Write a catalogue: the texts, media where they really lie, and ``more``, a row for each.

        ``kept`` of ``more`` says which rows are written.
        """
        media = (  # as corpus.contract.media_source has it
            "CASE WHEN contains(media_uri, '://') OR starts_with(media_uri, '/') THEN media_uri "
            f"ELSE {literal(f'{self._corpus}/')} || media_uri END"
        )
        places = self.arrays("place")["place"].to_numpy()
        # By convention a file holds a day's videos in their order; else they are sorted with their texts: it is slow.
        by_place = bool((np.diff(places) > 0).all())
        self._connection.register("more", more)
        known = "(SELECT place AS own, label, label_source, as_of, more.* FROM known POSITIONAL JOIN more)"
        together = f"videos POSITIONAL JOIN {known}" if by_place else f"videos JOIN {known} ON place = own"
        order = "" if by_place else " ORDER BY published_at, video_id, place"
        if not by_place:
            bound(self._connection, len(places), SORTED_ROW)
        matched = "if(place = own, true, error('rows are out of order'))"
        columns = ", ".join(map(quote, CATALOGUE_COLUMNS))
        with whole(path) as partial:
            rows = f"SELECT * REPLACE ({media} AS media_uri) FROM {together}"
            statement = f"SELECT {columns} FROM ({rows}) WHERE kept AND {matched}{order}"
            self._connection.execute(f"COPY ({statement}) TO {literal(str(partial))} (FORMAT parquet)")


@contextmanager
def known_videos(
    corpus: Path, labels: str, since: datetime, until: datetime, columns: Sequence[str] = ()
) -> Iterator[KnownVideos]:
    """Those published in [since, until), with ``columns`` of VIDEOS beside id and time; ``labels`` as the corpus calls
    them. A run at ``until`` cannot know of later labels.

    Raises:
        CorpusError: a table breaks the contract; a row has no time: it would fall out of every window unseen.
    """
    fields = pa.schema([VIDEOS.field(name) for name in ("video_id", "published_at", *columns)])
    files = {"videos": table_files(corpus / "videos", fields), "labels": table_files(corpus / "labels", LABELS)}
    with (
        tempfile.TemporaryDirectory(prefix="cpfd-") as scratch,
        duckdb.connect(str(Path(scratch) / "window.duckdb")) as connection,
    ):
        bound(connection, sum(pq.read_metadata(each).num_rows for each in files["videos"]))
        connection.execute(f"SET temp_directory = '{scratch}'")
        # The table that is looked up in is the labels', whatever a filter makes the optimizer think of the videos'.
        connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
        try:
            _view(connection, "all_videos", files["videos"], fields)
            _view(connection, "all_labels", files["labels"], LABELS)
            inside = f"published_at >= {_moment(since)} AND published_at < {_moment(until)}"
            connection.execute(f"CREATE TEMP VIEW videos AS SELECT * FROM all_videos WHERE {inside}")
            connection.execute(f"CREATE TEMP VIEW labels AS SELECT * FROM all_labels WHERE task = {literal(labels)}")
            _require_times(connection, "all_videos", "published_at", "videos")
            _require_times(connection, "labels", "labeled_at", f"labels of {labels}")
            code = CODE if "group_id" in columns else "0"
            for statement in (NEWEST, KNOWN.format(code=code)):  # one after the other: they share the memory
                connection.execute(statement, {"until": until})
            yield KnownVideos(connection, corpus)
        except duckdb.Error as error:
            raise CorpusError(f"the corpus at {corpus} cannot be read: {error}") from error


def bound(connection: duckdb.DuckDBPyConnection, rows: int, a_row: int = A_ROW) -> None:
    """Times in UTC, and no more memory than so many rows need, nor more threads: each has buffers of its own."""
    memory, threads = max(LEAST_MEMORY, a_row * rows), min(os.cpu_count() or 1, MOST_THREADS)
    connection.execute(f"SET TimeZone = 'UTC'; SET memory_limit = '{memory}B'; SET threads = {threads}")


def _moment(at: datetime) -> str:
    return f"TIMESTAMPTZ {literal(at.isoformat())}"


def _view(connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path], schema: pa.Schema) -> None:
    """The files of a table in the contract's types, with ``place``: the number of its file, and of the row in it."""
    listed = ", ".join(literal(str(file)) for file in files)
    kinds = {pa.string(): "VARCHAR"}
    columns = ", ".join(
        f"{quote(field.name)}::{kinds.get(field.type, 'TIMESTAMPTZ')} AS {quote(field.name)}" for field in schema
    )
    connection.execute(
        f"CREATE TEMP VIEW {name} AS SELECT {columns}, (file_index::BIGINT << 40) + file_row_number AS place "
        f"FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false, file_row_number = true, "
        "binary_as_string = true)"
    )


def _require_times(connection: duckdb.DuckDBPyConnection, table: str, column: str, name: str) -> None:
    missing = connection.execute(f"SELECT video_id FROM {table} WHERE {column} IS NULL").fetchall()
    if missing:
        examples = ", ".join(str(video) for (video,) in missing[:EXAMPLES])
        raise CorpusError(f"{len(missing)} rows of {name} have no {column}, such as those of {examples}")
