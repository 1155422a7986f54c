"""A simulated corpus: real files and tables whose labels and features follow from known latent causes.

How it is made. Each video has three latent scores: harm, flaws, topic. Harm and flaws are sums of what is seen
(a red flash; grain and darkness), what is written (alarming or bait words) and what neither shows. Reviewers
label hours to days later and err near the boundary. Dense features follow the latent scores more closely than the
raw input does, which is what makes them privileged. On purpose the tables also contain

- late corrections: old values rewritten after the review, with the outcome in them (``created_timestamp``);
- consequences of the label: a video taken down gets no more views, and a burst of reports;
- missing rows and values, broken files, re-uploads of the same file, a repeated id, odd texts.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, Field

from corpus.contract import DENSE_KEYS, LABELS, VIDEOS, Manifest, conform, new_corpus, write_by_day
from corpus.rendering import Scene, duplicate, render, spoil

TOPICS = ("sport", "music", "cooking", "gaming", "nature")
LEXICON = {
    "sport": ["match", "goal", "team", "race", "run", "score", "試合", "финал", "coach", "ball"],
    "music": ["song", "dance", "beat", "guitar", "live", "cover", "音楽", "концерт", "sing", "mix"],
    "cooking": ["recipe", "bake", "taste", "kitchen", "soup", "bread", "料理", "рецепт", "spice", "chef"],
    "gaming": ["level", "boss", "quest", "stream", "loot", "clip", "ゲーム", "уровень", "speedrun", "mod"],
    "nature": ["river", "forest", "bird", "storm", "mountain", "hike", "自然", "лес", "sunrise", "sea"],
}
ALARM = ["blood", "weapon", "fight", "danger", "shock", "brutal", "wound", "attack", "危険", "кровь"]
BAIT = ["click", "free", "prize", "follow", "win", "subscribe", "giveaway", "repost", "urgent", "link"]
PLAIN = [
    "my",
    "today",
    "new",
    "the",
    "first",
    "with",
    "friends",
    "little",
    "best",
    "part",
    "story",
    "day",
    "why",
    "how",
]
START = datetime(2026, 6, 1, tzinfo=UTC)


class SimulationSettings(BaseModel, frozen=True, extra="forbid"):
    """How much to simulate. The same settings give the same corpus."""

    videos: int = Field(4_000, ge=60)
    days: int = Field(100, ge=10)
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


def simulate(
    target: Path, settings: SimulationSettings, replace: bool = False, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Write the corpus to ``target``; it appears there only when it is whole."""
    manifest = Manifest(
        name=target.name,
        simulated=True,
        made_by=made_by(settings),
        description="Simulated: rendered videos, texts, labels and dense features drawn from known latent causes.",
    )
    random = np.random.default_rng(settings.seed)
    latents = draw_latents(settings, random)
    videos = video_table(latents, random)
    labels = label_table(latents, random)
    with new_corpus(target, manifest, replace) as folder:
        write_by_day(conform(pa.Table.from_pandas(labels), LABELS, "labels"), folder / "labels", "labeled_at")
        for view, frame in dense_tables(latents, labels, random).items():
            write_by_day(_dense(frame), folder / "dense" / view, "event_timestamp")
        (folder / "media").mkdir()
        render_all(latents, videos, folder, settings.seed, progress)
        videos = add_faults(videos, folder, random)
        write_by_day(conform(pa.Table.from_pandas(videos), VIDEOS, "videos"), folder / "videos", "published_at")


def made_by(settings: SimulationSettings) -> str:
    """The command that makes this corpus."""
    return f"cpfd corpus simulate --videos {settings.videos} --days {settings.days} --seed {settings.seed}"


def draw_latents(settings: SimulationSettings, random: np.random.Generator) -> Latents:
    """Draw the causes. Creators differ: some are prone to harm, some to flaws."""
    count = settings.videos
    creators = max(count // 6, 10)
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


def video_table(latents: Latents, random: np.random.Generator) -> pd.DataFrame:
    """Titles and overlay texts whose words betray topic, alarm and bait, among words that mean nothing."""
    titles, overlays = [], []
    for topic, alarm, bait in zip(latents.topic, latents.alarm_said, latents.bait_said, strict=True):
        words = list(random.choice(PLAIN, random.integers(2, 5)))
        for _ in range(random.integers(1, 4)):
            shown = topic if random.random() < 0.75 else random.integers(len(TOPICS))
            words.append(random.choice(LEXICON[TOPICS[shown]]))
        overlay = list(random.choice(PLAIN, random.integers(0, 3)))
        (words if random.random() < 0.5 else overlay).extend(_cues(ALARM, alarm, random))
        (words if random.random() < 0.5 else overlay).extend(_cues(BAIT, bait, random))
        titles.append(" ".join(random.permutation(words)))
        overlays.append(" ".join(random.permutation(overlay)))
    count = len(titles)
    ids = [f"v{index:07d}" for index in range(count)]
    return pd.DataFrame(
        {
            "video_id": ids,
            "published_at": _time(latents.published),
            "title": titles,
            "overlay_text": overlays,
            "group_id": [f"creator-{creator}" for creator in latents.creator],
            "media_uri": [f"media/{video_id}.mp4" for video_id in ids],
        }
    )


def _cues(words: list[str], strength: float, random: np.random.Generator) -> list[str]:
    count = round(1.5 + 1.5 * strength + random.normal(0, 0.5))
    return list(random.choice(words, min(max(count, 0), 6)))


def label_table(latents: Latents, random: np.random.Generator) -> pd.DataFrame:
    """Reviewers' labels: for each task one video of three is reviewed, hours to days after publication."""
    harmful = random.random(len(latents.harm)) < _sigmoid(3.0 * (latents.harm - 2.1))
    low_quality = random.random(len(latents.flaws)) < _sigmoid(1.2 * latents.flaws)
    mistaken = random.random(len(latents.topic)) < 0.12
    topic = np.where(mistaken, random.integers(len(TOPICS), size=len(mistaken)), latents.topic)
    answers = {
        "harmful_content": np.where(harmful, "harmful", "harmless"),
        "low_quality": np.where(low_quality, "low_quality", "good_quality"),
        "topic": np.array(TOPICS)[topic],
    }
    parts = []
    for task, answer in answers.items():
        reviewed = np.flatnonzero(random.random(len(answer)) < 0.35)
        delay = 7_200 + random.exponential(72_000, len(reviewed))
        parts.append(
            pd.DataFrame(
                {
                    "video_id": [f"v{index:07d}" for index in reviewed],
                    "task": task,
                    "label": answer[reviewed],
                    "labeled_at": _time(latents.published[reviewed] + delay.astype(np.int64)),
                    "source": "simulated reviewer",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def dense_tables(latents: Latents, labels: pd.DataFrame, random: np.random.Generator) -> dict[str, pd.DataFrame]:
    """One frame a feature view, with every way in which real ones go wrong."""
    harmful = labels[(labels.task == "harmful_content") & (labels.label == "harmful")].set_index("video_id").labeled_at
    return {
        "engagement": _engagement(latents, harmful, random),
        "reports": _reports(latents, harmful, random),
        "upstream_scores": _upstream_scores(latents, random),
    }


def _engagement(latents: Latents, harmful: pd.Series, random: np.random.Generator) -> pd.DataFrame:
    """Cumulative counts after 1, 6, 24, 72 and 168 hours; a video found harmful is taken down: counts stand still."""
    reach = np.exp(random.normal(5.5, 1.2, len(latents.harm)))
    frames = []
    taken_down = _seconds(harmful).reindex(_ids(latents)).to_numpy()
    for hours in (1, 6, 24, 72, 168):
        event = latents.published + hours * 3_600
        alive = np.where(np.isnan(taken_down), event, np.minimum(event, taken_down)) - latents.published
        views = random.poisson(reach * (1 - np.exp(-alive / 86_400)) + 3)
        likes = random.binomial(views, _sigmoid(-2.2 - 0.7 * latents.flaws))
        shares = random.binomial(views, _sigmoid(-3.5 + 0.5 * latents.harm - 0.4 * latents.flaws))
        watched = _sigmoid(0.4 - 0.8 * latents.flaws + random.normal(0, 0.25, len(views)))
        frames.append(_rows(latents, event, random, views=views, likes=likes, shares=shares, watched_share=watched))
    frame = pd.concat(frames, ignore_index=True)
    frame.loc[random.random(len(frame)) < 0.03, "watched_share"] = np.nan
    return frame[random.random(len(frame)) > 0.05]


def _reports(latents: Latents, harmful: pd.Series, random: np.random.Generator) -> pd.DataFrame:
    """User reports after 3, 24 and 72 hours. Both leaks live here: a burst after the label, and rewritten rows."""
    frames = []
    for hours in (3, 24, 72):
        event = latents.published + hours * 3_600
        count = random.poisson(np.exp(0.8 * latents.harm - 0.2 + 0.2 * np.log(hours / 3)))
        frames.append(_rows(latents, event, random, reports=count, reporters=random.binomial(count, 0.9)))
    frame = pd.concat(frames, ignore_index=True)
    decided = _seconds(harmful).reindex(frame.video_id).to_numpy()
    event = _seconds(frame.event_timestamp).to_numpy()
    frame.loc[event > decided, ["reports", "reporters"]] += 200  # the decision itself draws reports
    corrected = frame[~np.isnan(decided) & (event <= decided) & (random.random(len(frame)) < 0.6)].copy()
    corrected[["reports", "reporters"]] += 500  # an audit writes the outcome into old rows, days later
    corrected["created_timestamp"] = _time(decided[corrected.index].astype(np.int64) + 2 * 86_400)
    recounted = frame[random.random(len(frame)) < 0.1].copy()  # and some are simply counted again, days later
    recounted[["reports", "reporters"]] = np.ceil(1.5 * recounted[["reports", "reporters"]] + 1)
    recounted["created_timestamp"] += pd.to_timedelta(random.uniform(1, 5, len(recounted)), unit="D").round("s")
    return pd.concat([frame[random.random(len(frame)) > 0.08], corrected, recounted], ignore_index=True)


def _upstream_scores(latents: Latents, random: np.random.Generator) -> pd.DataFrame:
    """Scores of older, dearer models two hours after publication; a vector of topic scores among them."""
    count = len(latents.harm)
    topics = random.normal(0, 0.8, (count, len(TOPICS)))
    topics[np.arange(count), latents.topic] += 2.0
    topics = np.exp(topics) / np.exp(topics).sum(1, keepdims=True)
    frame = _rows(
        latents,
        latents.published + 7_200,
        random,
        safety_score=_sigmoid(1.2 * (latents.harm - 1.2) + random.normal(0, 0.4, count)),
        quality_score=_sigmoid(-1.0 * latents.flaws + random.normal(0, 0.4, count)),
        topic_scores=list(topics.astype(np.float32)),
    )
    frame.loc[random.random(count) < 0.1, "safety_score"] = np.nan
    frame.loc[random.integers(count, size=2), "quality_score"] = np.inf
    return frame[random.random(count) > 0.04]


def _rows(latents: Latents, event: np.ndarray, random: np.random.Generator, **features: object) -> pd.DataFrame:
    written = event + random.integers(300, 2_400, len(event))
    keys = {"video_id": _ids(latents), "event_timestamp": _time(event), "created_timestamp": _time(written)}
    return pd.DataFrame({**keys, **features})


def render_all(
    latents: Latents, videos: pd.DataFrame, folder: Path, seed: int, progress: Callable[[int], None]
) -> None:
    """Render every video on all cores."""
    alarm, flaws = _sigmoid(1.6 * latents.alarm_seen), _sigmoid(1.6 * latents.flaws_seen)
    scenes = [
        Scene(
            seed * 10_000_019 + index,
            int(latents.topic[index]),
            float(alarm[index]),
            float(flaws[index]),
            12 + index % 9,
            text,
        )
        for index, text in enumerate(videos.overlay_text)
    ]
    paths = [folder / uri for uri in videos.media_uri]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(render, scenes, paths, chunksize=16), start=1):
            progress(done)


def add_faults(videos: pd.DataFrame, folder: Path, random: np.random.Generator) -> pd.DataFrame:
    """Break, re-upload and repeat a few videos, and give a few odd texts."""
    few = max(3, len(videos) // 250)
    chosen = random.choice(len(videos), 3 * few, replace=False)
    for position, row in enumerate(chosen[:few]):
        spoil(folder / videos.media_uri[row], ("truncated", "empty", "not_a_video")[position % 3])
    for original, copy in zip(chosen[few : 2 * few], chosen[2 * few :], strict=True):
        duplicate(folder / videos.media_uri[original], folder / videos.media_uri[copy])
    videos = videos.copy()
    odd = random.choice(len(videos), 3, replace=False)
    videos.loc[odd[0], "title"] = "word " * 20_000
    videos.loc[odd[1], "title"] = "zero\x00byte \u202eright to left"
    videos.loc[odd[2], "overlay_text"] = "😀 שלום 你好 नमस्ते"
    return pd.concat([videos, videos.iloc[[int(odd[0])]]], ignore_index=True)


def _dense(frame: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    fields = []
    for field in table.schema:
        if field.name in DENSE_KEYS.names:
            fields.append(DENSE_KEYS.field(field.name))
        elif pa.types.is_list(field.type):
            fields.append(pa.field(field.name, pa.list_(pa.float32())))
        else:
            fields.append(pa.field(field.name, pa.float32()))
    return table.cast(pa.schema(fields))


def _ids(latents: Latents) -> list[str]:
    return [f"v{index:07d}" for index in range(len(latents.harm))]


def _time(seconds: np.ndarray) -> pd.Series:
    return pd.Series(
        pd.to_datetime(np.asarray(seconds) * 1_000_000 + int(START.timestamp() * 1e6), unit="us", utc=True)
    )


def _seconds(times: pd.Series) -> pd.Series:
    return (times - pd.Timestamp(START)).dt.total_seconds()


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))
