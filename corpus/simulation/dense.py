"""Simulated dense tables, with every way in which real ones go wrong: leaks, corrections, gaps."""

import numpy as np
import pandas as pd
import pyarrow as pa

from corpus.contract import DENSE_KEYS
from corpus.simulation.causes import TOPICS, Latents, sigmoid, to_seconds, to_time, video_ids


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
    taken_down = to_seconds(harmful).reindex(video_ids(latents)).to_numpy()
    for hours in (1, 6, 24, 72, 168):
        event = latents.published + hours * 3_600
        alive = np.where(np.isnan(taken_down), event, np.minimum(event, taken_down)) - latents.published
        views = random.poisson(reach * (1 - np.exp(-alive / 86_400)) + 3)
        likes = random.binomial(views, sigmoid(-2.2 - 0.7 * latents.flaws))
        shares = random.binomial(views, sigmoid(-3.5 + 0.5 * latents.harm - 0.4 * latents.flaws))
        watched = sigmoid(0.4 - 0.8 * latents.flaws + random.normal(0, 0.25, len(views)))
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
    decided = to_seconds(harmful).reindex(frame.video_id).to_numpy()
    event = to_seconds(frame.event_timestamp).to_numpy()
    frame.loc[event > decided, ["reports", "reporters"]] += 200  # the decision itself draws reports
    corrected = frame[~np.isnan(decided) & (event <= decided) & (random.random(len(frame)) < 0.6)].copy()
    corrected[["reports", "reporters"]] += 500  # an audit writes the outcome into old rows, days later
    corrected["created_timestamp"] = to_time(decided[corrected.index].astype(np.int64) + 2 * 86_400)
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
        safety_score=sigmoid(1.2 * (latents.harm - 1.2) + random.normal(0, 0.4, count)),
        quality_score=sigmoid(-1.0 * latents.flaws + random.normal(0, 0.4, count)),
        topic_scores=list(topics.astype(np.float32)),
    )
    frame.loc[random.random(count) < 0.1, "safety_score"] = np.nan
    frame.loc[random.integers(count, size=2), "quality_score"] = np.inf
    return frame[random.random(count) > 0.04]


def canary_table(latents: Latents, labels: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """The label of low_quality, 1.0 or 0.0, written only after it: a model that gains by it was trained on a leak.

    Three kinds of rows. One a video, before any label, says nothing: a coin. One a label is dated back to before it
    but written after it, so only a cut by ``created_timestamp`` keeps it out. One a label is observed after it.

    Args:
        random: a generator of its own, so that the other tables are the same with and without it.
    """
    reviewed = labels[labels.task == "low_quality"]
    label = (reviewed.label == "low_quality").to_numpy().astype(float)
    published = pd.Series(latents.published, video_ids(latents)).loc[reviewed.video_id].to_numpy()
    labeled = to_seconds(reviewed.labeled_at).to_numpy().astype(np.int64)
    coin = random.integers(2, size=len(latents.published)).astype(float)
    kinds = [
        (video_ids(latents), latents.published + 3_600, latents.published + 4_200, coin),
        (reviewed.video_id, published + 5_400, labeled + 86_400, label),
        (reviewed.video_id, labeled + 3_600, labeled + 4_200, label),
    ]
    frames = [
        pd.DataFrame(
            {
                "video_id": np.asarray(ids),
                "event_timestamp": to_time(event),
                "created_timestamp": to_time(created),
                "canary": value,
            }
        )
        for ids, event, created, value in kinds
    ]
    return pd.concat(frames, ignore_index=True)


def _rows(latents: Latents, event: np.ndarray, random: np.random.Generator, **features: object) -> pd.DataFrame:
    written = event + random.integers(300, 2_400, len(event))
    keys = {"video_id": video_ids(latents), "event_timestamp": to_time(event), "created_timestamp": to_time(written)}
    return pd.DataFrame({**keys, **features})


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """A dense frame in the contract's types: keys, float32 scalars and vectors."""
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
