"""The causes behind a simulated corpus: what makes a video harmful, flawed and about something.

The figures here and in the other files of the simulation are chosen, not fitted to real videos: raw input is to say
something of every label, dense features more, and neither all.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

TOPICS = ("sport", "music", "cooking", "gaming", "nature")
LABEL_TASKS = ("harmful_content", "low_quality", "topic")
START = datetime(2026, 6, 1, tzinfo=UTC)  # fixed, so that the same settings give the same corpus on any day


class SimulationSettings(BaseModel, frozen=True, extra="forbid"):
    """How much to simulate. The same settings give the same corpus."""

    videos: int = Field(4_000, ge=60)  # rendered in under a minute; with fewer than 60 a split may lack a class
    days: int = Field(100, ge=10)  # a window of three months, and some days before it to compare features with
    seed: int = 0


@dataclass(frozen=True)
class Latents:
    """The causes behind every video, one element a video."""

    published: np.ndarray  # seconds after START
    creator: np.ndarray
    topic: np.ndarray
    alarm_seen: np.ndarray
    alarm_said: np.ndarray
    harm: np.ndarray
    flaws_seen: np.ndarray
    bait_said: np.ndarray
    flaws: np.ndarray


def draw_latents(settings: SimulationSettings, random: np.random.Generator) -> Latents:
    """Draw the causes. Creators differ: some are prone to harm, some to flaws."""
    count = settings.videos
    creators = max(count // 6, 10)  # six videos each: few groups must not hold most videos
    creator = random.integers(creators, size=count)
    prone = random.normal(0, 0.3, (creators, 2))[creator]
    alarm_seen, alarm_said, flaws_seen, bait_said = random.normal(0, 1, (4, count))
    hidden = random.normal(0, 0.3, (2, count))
    return Latents(
        published=np.sort(random.uniform(0, settings.days * 86_400, count)).astype(np.int64),
        creator=creator,
        topic=random.choice(len(TOPICS), count, p=[0.28, 0.24, 0.2, 0.16, 0.12]),
        alarm_seen=alarm_seen,
        alarm_said=alarm_said,
        harm=alarm_seen + alarm_said + prone[:, 0] + hidden[0],
        flaws_seen=flaws_seen,
        bait_said=bait_said,
        flaws=flaws_seen + bait_said + prone[:, 1] + hidden[1],
    )


def id_digits(videos: int) -> int:
    """Digits of an id: enough for ids to sort as the videos do."""
    return max(7, len(str(videos - 1)))


def video_ids(latents: Latents) -> list[str]:
    """Ids in the order of the latents."""
    digits = id_digits(len(latents.harm))
    return [f"v{index:0{digits}d}" for index in range(len(latents.harm))]


def to_time(seconds: np.ndarray) -> pd.Series:
    """Seconds after START as times in UTC."""
    return pd.Series(
        pd.to_datetime(np.asarray(seconds) * 1_000_000 + int(START.timestamp() * 1e6), unit="us", utc=True)
    )


def to_seconds(times: pd.Series) -> pd.Series:
    """Times as seconds after START."""
    return (times - pd.Timestamp(START)).dt.total_seconds()


def sigmoid(values: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-values))
