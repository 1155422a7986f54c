"""Your own videos: a table, dense tables and, where there is one, a media folder become a corpus."""

from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from corpus.contract import (
    DENSE_KEYS,
    LABELS,
    VIDEOS,
    CorpusError,
    Manifest,
    conform,
    new_corpus,
    write_by_day,
)
from corpus.importing.mapping import DenseColumns, LabelColumns, Mapping
from corpus.importing.sources import column_of, decimals, ids_of, read_source, rows_where


def import_corpus(
    mapping: Mapping,
    source: Path,
    target: Path,
    replace: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Write the corpus; media stay where they are and are referred to by absolute path.

    Returns:
        Rows written, by table.

    Raises:
        CorpusError: a table, column, label class or media folder that is not there, times that nobody gives,
            or no row that meets ``where``.
    """
    media = _media_folder(mapping, source)
    progress("videos")
    raw = rows_where(read_source(source / mapping.table), mapping.where, str(mapping.table))
    videos = _videos(raw, mapping, media)
    progress("labels")
    labels = pd.concat([_labels(raw, videos, each, mapping, source) for each in mapping.labels], ignore_index=True)
    manifest = Manifest(
        name=target.name, simulated=False, made_by="cpfd corpus import", description=_described(mapping)
    )
    counts = {"videos": len(videos), "labels": len(labels)}
    with new_corpus(target, manifest, replace) as folder:
        write_by_day(conform(_arrow(videos), VIDEOS, "videos"), folder / "videos", "published_at")
        write_by_day(conform(_arrow(labels), LABELS, "labels"), folder / "labels", "labeled_at")
        for view, columns in mapping.dense.items():
            progress(f"dense {view}")
            table = _dense(videos, view, columns, mapping, source)
            write_by_day(table, folder / "dense" / view, "event_timestamp")
            counts[f"dense {view}"] = len(table)
    return counts


def _described(mapping: Mapping) -> str:
    """The description, and which times were not in the data."""
    told = [mapping.description]
    for each in mapping.labels:
        if each.delay_hours:
            told.append(f"Labels of {each.task} count as made {each.delay_hours:g} h after {each.labeled_at}.")
    if (days := mapping.upload_days) is not None:
        told.append(
            f"Times are made up on import: one upload day a group over {days.days} days from {days.first:%Y-%m-%d}, "
            f"labels {days.label_delay_hours:g} h and dense features {days.dense_delay_hours:g} h later."
        )
    return " ".join(told)


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
        published = _times(column_of(raw, columns.published_at, table), mapping, f"{table}.{columns.published_at}")
    else:
        published = _made_up_days(groups if groups is not None else ids, ids, mapping)
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


def _labels(
    raw: pd.DataFrame, videos: pd.DataFrame, columns: LabelColumns, mapping: Mapping, source: Path
) -> pd.DataFrame:
    frame = raw if columns.table is None else read_source(source / columns.table)
    name = str(columns.table or mapping.table)
    ids = ids_of(frame, columns.video_id or mapping.videos.video_id, name)
    if columns.labeled_at is not None:
        times = _times(column_of(frame, columns.labeled_at, name), mapping, f"{name}.{columns.labeled_at}")
        times += timedelta(hours=columns.delay_hours)
    else:
        times = _after_publication(ids, videos, mapping, "label_delay_hours", f"the labels of {columns.task}")
    label = column_of(frame, columns.label, name)
    rows = pd.DataFrame({"video_id": ids, "task": columns.task, "label": label, "labeled_at": times, "source": name})
    known = label.notna() & ids.isin(videos.video_id)
    if columns.classes is not None:
        known &= _of_classes(label, columns.classes, f"{name}.{columns.label}")
    return rows[known].astype({"label": str})


def _of_classes(label: pd.Series, classes: tuple[str, ...], name: str) -> pd.Series:
    written = label.astype(str)
    absent = [each for each in classes if not (written == each).any()]
    if absent:
        found = ", ".join(written[label.notna()].value_counts().head(20).index)
        raise CorpusError(f"{name} never says {', '.join(absent)} (labels.classes): it says {found}")
    return written.isin(classes)


def _dense(videos: pd.DataFrame, view: str, columns: DenseColumns, mapping: Mapping, source: Path) -> pa.Table:
    times = (columns.event_timestamp, columns.created_timestamp)
    frame = read_source(source / columns.table, (columns.video_id, *(time for time in times if time)))
    name = str(columns.table)
    ids = ids_of(frame, columns.video_id, name)
    if columns.event_timestamp is not None:
        event = _times(column_of(frame, columns.event_timestamp, name), mapping, f"{name}.{columns.event_timestamp}")
    else:
        event = _after_publication(ids, videos, mapping, "dense_delay_hours", f"the dense table {view}")
    created = event
    if columns.created_timestamp is not None:
        created = _times(
            column_of(frame, columns.created_timestamp, name), mapping, f"{name}.{columns.created_timestamp}"
        )
    keys = {columns.video_id, columns.event_timestamp, columns.created_timestamp}
    features = columns.features
    if features == "all":
        features = {column: column for column in frame.columns if column not in keys}
    values = {target: decimals(column_of(frame, column, name)) for column, target in features.items()}
    table = _arrow(pd.DataFrame({"video_id": ids, "event_timestamp": event, "created_timestamp": created, **values}))
    vector = {each for each in values if pa.types.is_list(table.schema.field(each).type)}
    fields = [pa.field(each, pa.list_(pa.float32()) if each in vector else pa.float32()) for each in values]
    return conform(table, pa.schema([*DENSE_KEYS, *fields]), name).filter(pa.array(ids.isin(videos.video_id)))


def _times(values: pd.Series, mapping: Mapping, name: str) -> pd.Series:
    """Times in UTC. Raises CorpusError for what is no time, has no zone, or does not exist in its zone."""
    if pd.api.types.is_numeric_dtype(values):
        raise CorpusError(f"{name} holds numbers: write times as text or timestamps, such as 2026-06-01T12:00:00Z")
    zoned = values.dropna().astype(str).str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
    try:
        if len(zoned) and zoned.all():
            return pd.to_datetime(values, utc=True)
        if mapping.timezone is None or zoned.any():
            raise CorpusError(f"{name} has no time zone: give the mapping a 'timezone', such as UTC")
        return pd.to_datetime(values).dt.tz_localize(mapping.timezone).dt.tz_convert("UTC")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"{name} cannot be read as times: {error}") from error


def _made_up_days(groups: pd.Series, ids: pd.Series, mapping: Mapping) -> pd.Series:
    days = mapping.upload_days
    if days is None:
        raise CorpusError("the mapping gives neither 'videos.published_at' nor 'upload_days': say when videos came")
    keys = groups.astype("string").fillna("video " + ids.astype("string"))
    rank = {key: position for position, key in enumerate(sorted(keys.unique()))}
    first = pd.Timestamp(days.first if days.first.tzinfo else days.first.replace(tzinfo=UTC))
    return pd.Series([first + timedelta(days=rank[key] * days.days // len(rank)) for key in keys], index=groups.index)


def _after_publication(ids: pd.Series, videos: pd.DataFrame, mapping: Mapping, delay: str, what: str) -> pd.Series:
    if mapping.upload_days is None:
        raise CorpusError(f"{what} have no time column and the mapping has no 'upload_days': say when they were made")
    published = videos.drop_duplicates("video_id").set_index("video_id").published_at.reindex(ids)
    return (published + timedelta(hours=getattr(mapping.upload_days, delay))).set_axis(ids.index)


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)
