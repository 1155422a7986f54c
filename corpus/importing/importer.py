"""Your own videos: a table, dense tables and, where there is one, a media folder become a corpus."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from corpus.contract import LABELS, VIDEOS, CorpusError, Manifest, conform, new_corpus, write_by_day
from corpus.importing.dating import made_up_days, times_of
from corpus.importing.dense import dense_of
from corpus.importing.labels import labels_of, uncounted
from corpus.importing.mapping import Mapping
from corpus.importing.sources import column_of, ids_of, read_source, rows_where


@dataclass(frozen=True)
class Imported:
    """Rows written, by table; and sentences on what was left out, or what a run would not count."""

    rows: dict[str, int]
    uncounted: list[str]


def import_corpus(
    mapping: Mapping,
    source: Path,
    target: Path,
    replace: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Imported:
    """Write the corpus; media stay where they are and are referred to by absolute path.

    Raises:
        CorpusError: a table, column, label class, feature or media folder that is not there, times that nobody gives,
            or no row that meets ``where``.
    """
    media = _media_folder(mapping, source)
    progress("videos")
    raw = rows_where(read_source(source / mapping.table), mapping.where, str(mapping.table))
    videos = _videos(raw, mapping, media)
    progress("labels")
    found = [labels_of(raw, videos, each, mapping, source) for each in mapping.labels]
    labels = pd.concat([rows for rows, _ in found], ignore_index=True)
    omitted = [sentence for _, sentences in found for sentence in sentences]
    declared, dense = {}, {}
    for table, columns in mapping.dense.items():
        progress(f"dense {table}")
        declared[table], dense[table], left_out = dense_of(videos, table, columns, mapping, source)
        omitted += left_out
    manifest = Manifest(
        name=target.name,
        simulated=False,
        made_by="cpfd corpus import",
        description=_described(mapping),
        dense=declared,
    )
    with new_corpus(target, manifest, replace) as folder:
        write_by_day(conform(_arrow(videos), VIDEOS, "videos"), folder / "videos", "published_at")
        write_by_day(conform(_arrow(labels), LABELS, "labels"), folder / "labels", "labeled_at")
        for table, rows in dense.items():
            write_by_day(rows, folder / "dense" / table, "event_timestamp")
    counts = {"videos": len(videos), "labels": len(labels)}
    counts |= {f"dense {table}": len(rows) for table, rows in dense.items()}
    return Imported(counts, [*omitted, *uncounted(labels, videos)])


def _described(mapping: Mapping) -> str:
    """The description, and which times were not in the data."""
    sentences = [mapping.description]
    for each in mapping.labels:
        if each.delay_hours:
            sentences.append(f"Labels of {each.task} count as made {each.delay_hours:g} h after {each.labeled_at}.")
        if each.labeled_on is not None:
            sentences.append(f"Labels of {each.task} all count as made at {each.labeled_on.isoformat()}.")
    if (days := mapping.upload_days) is not None:
        sentences.append(
            f"Times are made up on import: one upload day a group over {days.days} days from {days.first:%Y-%m-%d}, "
            f"labels {days.label_delay_hours:g} h (but before the newest video's day is over) and dense features "
            f"{days.dense_delay_hours:g} h later."
        )
    return " ".join(sentences)


def _media_folder(mapping: Mapping, source: Path) -> Path | None:
    if mapping.media is None:
        return None
    media = source / mapping.media
    if not media.is_dir():
        raise CorpusError(f"there is no media folder at {media}")
    return media.resolve()


def _text(frame: pd.DataFrame, name: str | None) -> Any:
    return "" if name is None else column_of(frame, name, "the table of videos").fillna("").astype(str)


def _media(raw: pd.DataFrame, name: str | None, media: Path | None, table: str) -> list[str | None]:
    """Where each video is stored; null where it is not."""
    if name is None or media is None:
        return [None] * len(raw)
    files = column_of(raw, name, table)
    return [None if pd.isna(file) else file if "://" in str(file) else str(media / str(file)) for file in files]


def _videos(raw: pd.DataFrame, mapping: Mapping, media: Path | None) -> pd.DataFrame:
    columns, table = mapping.videos, str(mapping.table)
    ids = ids_of(raw, columns.video_id, table)
    groups = None if columns.group is None else column_of(raw, columns.group, table)
    if columns.published_at is not None:
        published = times_of(column_of(raw, columns.published_at, table), mapping, f"{table}.{columns.published_at}")
    else:
        published = made_up_days(groups if groups is not None else ids, ids, mapping)
    return pd.DataFrame(
        {
            "video_id": ids,
            "published_at": published,
            "title": _text(raw, columns.title),
            "overlay_text": _text(raw, columns.overlay_text),
            "group_id": groups,
            "media_uri": _media(raw, columns.media, media, table),
        }
    )


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
