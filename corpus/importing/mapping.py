"""The import mapping: which of your columns are what, as a checked YAML file."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, Field, field_validator, model_validator

from common.dense_table import Range, TableName
from common.settings_files import read_settings
from corpus.contract import CorpusError


class UploadDays(BaseModel, frozen=True, extra="forbid"):
    """Times for data that has none: one day a group, evenly from ``first`` on. The corpus says so.

    Labels count as made ``label_delay_hours`` after the video came, but those of the last days before the newest
    video's day (in UTC) is over, where a window ends by default: later labels would be in no run. They stay after the
    made-up times of dense values, or nothing would be known by then.
    """

    first: datetime
    days: int = Field(ge=1)
    label_delay_hours: float = Field(24, ge=0)  # as reviewers take about a day
    dense_delay_hours: float = Field(1, ge=0)  # as counts come within hours, well before the label


class VideoColumns(BaseModel, frozen=True, extra="forbid"):
    """Columns of the table of videos. An empty text column means that there is no such text.

    A row without ``media``, or all of them where no such column is named, is a video that is not stored.
    """

    video_id: str
    media: str | None = None
    title: str | None = None
    overlay_text: str | None = None
    group: str | None = None
    published_at: str | None = None


class LabelColumns(BaseModel, frozen=True, extra="forbid"):
    """Labels of one name: from the table of videos, or from ``table``.

    They were made ``delay_hours`` after the column ``labeled_at``, or all at the one moment ``labeled_on``. ``rename``
    maps what is written to the class it means; what it does not name stays as it is written. Only ``classes`` become
    labels, if given: a video with another value, or with none, stays unlabelled.
    """

    task: str
    label: str
    table: Path | None = None
    video_id: str | None = None
    labeled_at: str | None = None
    labeled_on: datetime | None = None
    delay_hours: float = Field(0, ge=0)
    rename: dict[str | bool | int, str] = {}
    classes: tuple[str, ...] | None = Field(None, min_length=2)

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.labeled_at is not None and self.labeled_on is not None:
            raise ValueError("labeled_at (a column) and labeled_on (one moment for all) exclude each other: give one")
        if self.delay_hours and self.labeled_at is None:
            raise ValueError("delay_hours counts from a time: name its column in labeled_at")
        return self


class DenseColumns(BaseModel, frozen=True, extra="forbid"):
    """One dense table: ``features`` are columns, or maps columns to names in the corpus (default: all, as named).

    ``description``, ``owner`` and, by the features' names, ``ranges`` are what the corpus declares of it.
    """

    table: Path
    video_id: str
    description: str = ""
    owner: str = ""
    event_timestamp: str | None = None
    created_timestamp: str | None = None
    features: dict[str, str] | Literal["all"] = "all"
    ranges: dict[str, Range] = {}

    @field_validator("features", mode="before")
    @classmethod
    def _as_named(cls, features: Any) -> Any:
        return {name: name for name in features} if isinstance(features, list) else features


class Condition(BaseModel, frozen=True, extra="forbid"):
    """What a value must be for its row to come in; a missing value is none of it.

    ``prefix`` and ``one_of`` compare the value as it is written, ``at_least`` and ``at_most`` numbers.
    """

    prefix: str | None = None
    one_of: tuple[str | bool | int, ...] | None = Field(None, min_length=1)
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("give at least one of prefix, one_of, at_least and at_most")
        return self


class Mapping(BaseModel, frozen=True, extra="forbid"):
    """The import mapping. Paths are relative to the mapping file, or to ``--from`` if that is given.

    ``where`` maps columns of the table of videos to conditions: rows that meet all of them come in.
    """

    description: str
    table: Path
    media: Path | None = None
    where: dict[str, Condition] = {}
    videos: VideoColumns
    labels: tuple[LabelColumns, ...]
    dense: dict[TableName, DenseColumns] = {}
    timezone: str | None = Field(None, description="zone of timestamps that carry none")
    upload_days: UploadDays | None = None

    @field_validator("timezone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in available_timezones():
            raise ValueError(f"{zone} is not a time zone, such as UTC or Europe/Berlin")
        return zone

    @model_validator(mode="after")
    def _media_belong_together(self) -> Self:
        if (self.media is None) != (self.videos.media is None):
            raise ValueError(
                "media (the folder) and videos.media (the column) belong together: give both, or neither for "
                "videos that are not stored"
            )
        return self


def read_mapping(path: Path) -> Mapping:
    """Raises CorpusError with the line and key at fault."""
    if not path.is_file():
        raise CorpusError(f"there is no import mapping at {path}")
    return read_settings(path, Mapping, CorpusError)
