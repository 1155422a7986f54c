"""Your own videos: a table, a media folder and dense tables, mapped onto the contract by a YAML file."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

import pandas as pd
import pyarrow as pa
import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

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


class UploadDays(BaseModel, frozen=True, extra="forbid"):
    """Times for data that has none: one day a group, evenly from ``first`` on. The corpus says so."""

    first: datetime
    days: int = Field(ge=1)
    label_delay_hours: float = Field(24, ge=0)
    dense_delay_hours: float = Field(1, ge=0)


class VideoColumns(BaseModel, frozen=True, extra="forbid"):
    """Columns of the table of videos. An empty text column means that there is no such text."""

    video_id: str
    media: str
    title: str | None = None
    overlay_text: str | None = None
    group: str | None = None
    published_at: str | None = None


class LabelColumns(BaseModel, frozen=True, extra="forbid"):
    """Labels of one task: from the table of videos, or from ``table``."""

    task: str
    label: str
    table: Path | None = None
    video_id: str | None = None
    labeled_at: str | None = None


class DenseColumns(BaseModel, frozen=True, extra="forbid"):
    """One dense table: ``features`` maps its columns to the names in the feature view (default: all, as named)."""

    table: Path
    video_id: str
    event_timestamp: str | None = None
    created_timestamp: str | None = None
    features: dict[str, str] | Literal["all"] = "all"


class Mapping(BaseModel, frozen=True, extra="forbid"):
    """The import mapping. Paths are relative to the mapping file, or to ``--from`` if that is given."""

    description: str
    table: Path
    media: Path
    videos: VideoColumns
    labels: tuple[LabelColumns, ...]
    dense: dict[str, DenseColumns]
    timezone: str | None = Field(None, description="zone of timestamps that carry none")
    upload_days: UploadDays | None = None

    @field_validator("timezone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in available_timezones():
            raise ValueError(f"{zone} is not a time zone, such as UTC or Europe/Berlin")
        return zone


def read_mapping(path: Path) -> Mapping:
    """Raises CorpusError with the key at fault."""
    if not path.is_file():
        raise CorpusError(f"there is no import mapping at {path}")
    try:
        return Mapping.model_validate(yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise CorpusError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CorpusError(f"{path}: {key}: {first['msg']}") from error


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
        CorpusError: a table, column or media folder that is not there, or times that nobody gives.
    """
    media = source / mapping.media
    if not media.is_dir():
        raise CorpusError(f"there is no media folder at {media}")
    progress("videos")
    raw = _read(source / mapping.table)
    videos = _videos(raw, mapping, media.resolve())
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
    if mapping.upload_days is None:
        return mapping.description
    days = mapping.upload_days
    return (
        f"{mapping.description} Times are made up on import: one upload day a group over {days.days} days from "
        f"{days.first:%Y-%m-%d}, labels {days.label_delay_hours:g} h and dense features "
        f"{days.dense_delay_hours:g} h later."
    )


def _read(path: Path, text: tuple[str, ...] | None = None) -> pd.DataFrame:
    """A CSV or Parquet table. Of a CSV, the columns in ``text`` (None: all) stay as they are written."""
    if not path.is_file():
        raise CorpusError(f"there is no table at {path}")
    try:
        if path.suffix.lower() != ".csv":
            return pd.read_parquet(path)
        types = str if text is None else dict.fromkeys(text, str)
        return pd.read_csv(path, dtype=types, keep_default_na=text is not None, na_values=[""])
    except (ValueError, OSError, pa.ArrowInvalid) as error:
        raise CorpusError(f"{path} cannot be read as {path.suffix or 'Parquet'}: {error}") from error


def _column(frame: pd.DataFrame, name: str, table: str) -> pd.Series:
    if name not in frame.columns:
        raise CorpusError(f"{table} has no column {name}: it has {', '.join(map(str, frame.columns))}")
    return frame[name]


def _ids(frame: pd.DataFrame, name: str, table: str) -> pd.Series:
    ids = _column(frame, name, table)
    if ids.isna().any():
        raise CorpusError(f"{table}.{name}: {int(ids.isna().sum())} of {len(ids)} rows have no id")
    return ids.astype(str)


def _text(frame: pd.DataFrame, name: str | None) -> Any:
    return "" if name is None else _column(frame, name, "the table of videos").fillna("").astype(str)


def _videos(raw: pd.DataFrame, mapping: Mapping, media: Path) -> pd.DataFrame:
    columns, table = mapping.videos, str(mapping.table)
    ids = _ids(raw, columns.video_id, table)
    groups = None if columns.group is None else _column(raw, columns.group, table)
    if columns.published_at is not None:
        published = _times(_column(raw, columns.published_at, table), mapping, f"{table}.{columns.published_at}")
    else:
        published = _made_up_days(groups if groups is not None else ids, ids, mapping)
    files = _column(raw, columns.media, table).astype(str)
    return pd.DataFrame(
        {
            "video_id": ids,
            "published_at": published,
            "title": _text(raw, columns.title),
            "overlay_text": _text(raw, columns.overlay_text),
            "group_id": groups,
            "media_uri": [uri if "://" in uri else str(media / uri) for uri in files],
        }
    )


def _labels(
    raw: pd.DataFrame, videos: pd.DataFrame, columns: LabelColumns, mapping: Mapping, source: Path
) -> pd.DataFrame:
    frame = raw if columns.table is None else _read(source / columns.table)
    name = str(columns.table or mapping.table)
    ids = _ids(frame, columns.video_id or mapping.videos.video_id, name)
    if columns.labeled_at is not None:
        times = _times(_column(frame, columns.labeled_at, name), mapping, f"{name}.{columns.labeled_at}")
    else:
        times = _after_publication(ids, videos, mapping, "label_delay_hours", f"the labels of {columns.task}")
    label = _column(frame, columns.label, name)
    rows = pd.DataFrame({"video_id": ids, "task": columns.task, "label": label, "labeled_at": times, "source": name})
    return rows[label.notna()].astype({"label": str})


def _dense(videos: pd.DataFrame, view: str, columns: DenseColumns, mapping: Mapping, source: Path) -> pa.Table:
    times = (columns.event_timestamp, columns.created_timestamp)
    frame = _read(source / columns.table, (columns.video_id, *(time for time in times if time)))
    name = str(columns.table)
    ids = _ids(frame, columns.video_id, name)
    if columns.event_timestamp is not None:
        event = _times(_column(frame, columns.event_timestamp, name), mapping, f"{name}.{columns.event_timestamp}")
    else:
        event = _after_publication(ids, videos, mapping, "dense_delay_hours", f"the dense table {view}")
    created = event
    if columns.created_timestamp is not None:
        created = _times(
            _column(frame, columns.created_timestamp, name), mapping, f"{name}.{columns.created_timestamp}"
        )
    keys = {columns.video_id, columns.event_timestamp, columns.created_timestamp}
    features = columns.features
    if features == "all":
        features = {column: column for column in frame.columns if column not in keys}
    values = {target: _column(frame, column, name) for column, target in features.items()}
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
