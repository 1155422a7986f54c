"""A simulated corpus: real files and tables whose labels and features follow from known latent causes.

How it is made. Each video has three latent scores: harm, flaws, topic. Harm and flaws are sums of what is seen
(a red flash; grain and darkness), what is written (alarming or bait words) and what neither shows. Reviewers
label hours to days later and err near the boundary. Dense features follow the latent scores more closely than the
raw input does, which is what makes them privileged. On purpose the tables also contain

- late corrections: old values rewritten after the review, with the outcome in them (``created_timestamp``);
- consequences of the label: a video taken down gets no more views, and a burst of reports;
- a canary: the label itself, but only as written after it, worth nothing unless retrieval leaks;
- missing rows and values, broken files, re-uploads of the same file, a repeated id, odd texts.
"""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from corpus.contract import LABELS, VIDEOS, Manifest, conform, new_corpus, write_by_day
from corpus.simulation.causes import TOPICS, Latents, SimulationSettings, draw_latents, sigmoid, to_time, video_ids
from corpus.simulation.declarations import DENSE
from corpus.simulation.dense import canary_table, dense_tables, to_arrow
from corpus.simulation.rendering import Scene, duplicate, render, spoil

LEXICON = {
    "sport": ["match", "goal", "team", "race", "run", "score", "試合", "финал", "coach", "ball"],
    "music": ["song", "dance", "beat", "guitar", "live", "cover", "音楽", "концерт", "sing", "mix"],
    "cooking": ["recipe", "bake", "taste", "kitchen", "soup", "bread", "料理", "рецепт", "spice", "chef"],
    "gaming": ["level", "boss", "quest", "stream", "loot", "clip", "ゲーム", "уровень", "speedrun", "mod"],
    "nature": ["river", "forest", "bird", "storm", "mountain", "hike", "自然", "лес", "sunrise", "sea"],
}
ALARM = ["blood", "weapon", "fight", "danger", "shock", "brutal", "wound", "attack", "危険", "кровь"]
BAIT = ["click", "free", "prize", "follow", "win", "subscribe", "giveaway", "repost", "urgent", "link"]
PLAIN = "my today new the first with friends little best part story day why how".split()  # noqa: SIM905


def simulate(
    target: Path, settings: SimulationSettings, replace: bool = False, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Write the corpus to ``target``; it appears there only when it is whole."""
    manifest = Manifest(
        name=target.name,
        simulated=True,
        made_by=made_by(settings),
        description="Simulated: rendered videos, texts, labels and dense features drawn from known latent causes.",
        dense=DENSE,
    )
    random = np.random.default_rng(settings.seed)
    latents = draw_latents(settings, random)
    videos = video_table(latents, random)
    labels = label_table(latents, random)
    with new_corpus(target, manifest, replace) as folder:
        write_by_day(conform(pa.Table.from_pandas(labels), LABELS, "labels"), folder / "labels", "labeled_at")
        dense = dense_tables(latents, labels, random)
        dense["canary"] = canary_table(latents, labels, np.random.default_rng([settings.seed, 1]))
        for view, frame in dense.items():
            write_by_day(to_arrow(frame), folder / "dense" / view, "event_timestamp")
        (folder / "media").mkdir()
        render_all(latents, videos, folder, settings.seed, progress)
        videos = add_faults(videos, folder, random)
        write_by_day(conform(pa.Table.from_pandas(videos), VIDEOS, "videos"), folder / "videos", "published_at")


def made_by(settings: SimulationSettings) -> str:
    """The command that makes this corpus."""
    return f"cpfd corpus simulate --videos {settings.videos} --days {settings.days} --seed {settings.seed}"


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
    ids = video_ids(latents)
    return pd.DataFrame(
        {
            "video_id": ids,
            "published_at": to_time(latents.published),
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
    harmful = random.random(len(latents.harm)) < sigmoid(3.0 * (latents.harm - 2.1))
    low_quality = random.random(len(latents.flaws)) < sigmoid(1.2 * latents.flaws)
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
                    "video_id": np.array(video_ids(latents))[reviewed],
                    "task": task,
                    "label": answer[reviewed],
                    "labeled_at": to_time(latents.published[reviewed] + delay.astype(np.int64)),
                    "source": "simulated reviewer",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def render_all(
    latents: Latents, videos: pd.DataFrame, folder: Path, seed: int, progress: Callable[[int], None]
) -> None:
    """Render every video on all cores."""
    alarm, flaws = sigmoid(1.6 * latents.alarm_seen), sigmoid(1.6 * latents.flaws_seen)
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
