"""When videos, labels and dense values count as made: as your columns say, or made up where the data has no times."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from corpus.contract import CorpusError, day_after
from corpus.importing.mapping import Mapping, UploadDays

TICK = timedelta(microseconds=1)  # the least difference of two times in a corpus


def times_of(values: pd.Series, mapping: Mapping, name: str) -> pd.Series:
    """Times in UTC. Raises CorpusError for what is no time, has no zone, or does not exist in its zone."""
    if pd.api.types.is_numeric_dtype(values):
        raise CorpusError(f"{name} holds numbers: write times as text or timestamps, such as 2026-06-01T12:00:00Z")
    zoned = values.dropna().astype(str).str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
    try:
        if len(zoned) and zoned.all():
            return _parsed(values, utc=True)
        if mapping.timezone is None or zoned.any():
            raise CorpusError(f"{name} has no time zone: give the mapping a 'timezone', such as UTC")
        return _parsed(values, utc=False).dt.tz_localize(mapping.timezone).dt.tz_convert("UTC")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"{name} cannot be read as times: {str(error).partition(chr(10))[0]}") from error


def _parsed(values: pd.Series, utc: bool) -> pd.Series:
    """ISO 8601, with or without seconds and fractions; else the one format that the first value has."""
    try:
        return pd.to_datetime(values, utc=utc, format="ISO8601")
    except ValueError:
        return pd.to_datetime(values, utc=utc)


def moment_of(moment: datetime, mapping: Mapping, name: str) -> pd.Timestamp:
    """One time that the mapping gives, in UTC. Raises CorpusError if nobody says its zone."""
    return pd.Timestamp(times_of(pd.Series([moment]), mapping, name).iloc[0])


def made_up_days(groups: pd.Series, ids: pd.Series, mapping: Mapping) -> pd.Series:
    """One upload day a group (a video without one is its own), in the order of their names, evenly over the days."""
    days = mapping.upload_days
    if days is None:
        raise CorpusError("the mapping gives neither 'videos.published_at' nor 'upload_days': say when videos came")
    keys = groups.astype("string").fillna("video " + ids.astype("string"))
    rank = {key: position for position, key in enumerate(sorted(keys.unique()))}
    first = pd.Timestamp(days.first if days.first.tzinfo else days.first.replace(tzinfo=UTC))
    return pd.Series([first + timedelta(days=rank[key] * days.days // len(rank)) for key in keys], index=groups.index)


def made_up_dense_times(ids: pd.Series, videos: pd.DataFrame, mapping: Mapping, what: str) -> pd.Series:
    """Some hours after publication; null for what is no video of the corpus."""
    return _published(ids, videos) + timedelta(hours=_upload_days(mapping, what).dense_delay_hours)


def made_up_label_times(ids: pd.Series, videos: pd.DataFrame, mapping: Mapping, what: str) -> pd.Series:
    """Some hours after publication, but before the newest video's day is over, and after the dense values."""
    days = _upload_days(mapping, what)
    published = _published(ids, videos)
    made = published + timedelta(hours=days.label_delay_hours)
    if videos.empty:
        return made
    last = pd.Timestamp(day_after(videos.published_at.max().floor("us").to_pydatetime()) - TICK)
    after_dense = published + timedelta(hours=days.dense_delay_hours) + TICK
    return made.where(made <= last, after_dense.clip(lower=last)).where(made > after_dense, made)


def _upload_days(mapping: Mapping, what: str) -> UploadDays:
    if mapping.upload_days is None:
        raise CorpusError(f"{what} have no time column and the mapping has no 'upload_days': say when they were made")
    return mapping.upload_days


def _published(ids: pd.Series, videos: pd.DataFrame) -> pd.Series:
    published = videos.drop_duplicates("video_id").set_index("video_id").published_at.reindex(ids)
    return published.set_axis(ids.index)
