"""A window of the corpus as a catalogue: which videos count, what is known of their label, on which side they are."""

import hashlib
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from common.artifacts import EVALUATION, HELD_OUT, LABELLED, TRAIN, TUNING, UNLABELLED
from corpus.contract import (
    LABELS,
    TIMESTAMP,
    VIDEOS,
    CorpusError,
    media_source,
    publication_span,
    read_manifest,
    read_table,
)
from corpus.settings import WindowSettings

PUBLICATION = pa.schema([VIDEOS.field("video_id"), VIDEOS.field("published_at")])
EXAMPLES = 5  # ids that a message names: enough to look at
NAMED = 20  # classes that a message names with their counts


def window_start(end: datetime, months: int) -> datetime:
    """``end`` less that many calendar months. Raises CorpusError if that is before the year 1."""
    try:
        return (pd.Timestamp(end) - pd.DateOffset(months=months)).to_pydatetime()
    except (ValueError, OverflowError) as error:
        raise CorpusError(f"there is no day {months} months before {end:%Y-%m-%d}: choose fewer months") from error


def select_window(
    corpus: Path,
    labels: str,
    classes: tuple[str, ...],
    start: datetime,
    end: datetime,
    settings: WindowSettings,
    folds: int,
    seed: int,
) -> pd.DataFrame:
    """The catalogue of [start, end): a row a video published in it.

    ``labels`` is the name that the corpus gives the labels. A video's label is the newest one made before ``end``: a
    run at ``end`` cannot know of later ones. ``as_of`` is when it was made, or ``end`` for a video without a label;
    features may be known up to then. Of ``settings.pooled_months`` before ``start`` there are evaluation rows alone.

    Returns:
        video_id, published_at, title, overlay_text, group_id, media_uri (resolved, null if none), label and
        label_source (null if none), as_of, split (train, tuning, evaluation, unlabelled, held_out), fold (-1 outside
        train).

    Raises:
        CorpusError: no videos in the window, no such labels, a class without rows.
    """
    earlier = window_start(start, settings.pooled_months)
    catalogue = _known_videos(corpus, labels, earlier, end, VIDEOS)
    _require_known(catalogue[catalogue.published_at >= start], corpus, labels, classes, start, end)
    catalogue["media_uri"] = catalogue.media_uri.map(lambda uri: media_source(corpus, uri), na_action="ignore")
    catalogue["split"] = assign_splits(catalogue, settings, seed)
    pooled = (catalogue.published_at < start) & (catalogue.split != EVALUATION)
    catalogue = catalogue[~pooled].reset_index(drop=True)
    require_every_class(catalogue, labels, classes)
    catalogue["fold"] = assign_folds(catalogue, folds, seed)
    return catalogue


def require_window(corpus: Path, labels: str, classes: tuple[str, ...], start: datetime, end: datetime) -> None:
    """Raise the CorpusError that a run over [start, end) would end with, before it starts.

    Reads when videos were published, and these labels, alone. What a split then lacks is found by the run.
    """
    read_manifest(corpus)
    _require_known(_known_videos(corpus, labels, start, end, PUBLICATION), corpus, labels, classes, start, end)


def previous_window(corpus: Path, labels: str, start: datetime, months: int, most: int, seed: int) -> pd.DataFrame:
    """video_id and as_of of the window before the one that begins at ``start``: at most ``most`` videos, drawn.

    What the features of this window are compared with. It may be empty: the corpus need not reach so far back.
    """
    videos = _known_videos(corpus, labels, window_start(start, months), start, PUBLICATION)[["video_id", "as_of"]]
    videos = videos.drop_duplicates("video_id", ignore_index=True)
    if len(videos) <= most:
        return videos
    drawn = np.random.default_rng(seed).choice(len(videos), most, replace=False)
    return videos.iloc[np.sort(drawn)].reset_index(drop=True)


def _known_videos(corpus: Path, labels: str, start: datetime, end: datetime, columns: pa.Schema) -> pd.DataFrame:
    """Videos published in [start, end) with the label known at ``end`` and as_of, in the order of publication."""
    published = pc.field("published_at")
    inside = (published >= pa.scalar(start, TIMESTAMP)) & (published < pa.scalar(end, TIMESTAMP))
    found = read_table(corpus / "videos", columns, inside | published.is_null())
    videos = found.sort_by([("published_at", "ascending"), ("video_id", "ascending")]).to_pandas()
    require_times(videos, "published_at", "videos")
    made = read_table(corpus / "labels", LABELS, pc.field("task") == labels).to_pandas()
    require_times(made, "labeled_at", f"labels of {labels}")
    chosen = videos.merge(newest_labels(made, end), on="video_id", how="left")
    chosen["as_of"] = chosen.labeled_at.fillna(pd.Timestamp(end)).dt.as_unit("us")
    return chosen.drop(columns="labeled_at")


def _require_known(
    known: pd.DataFrame, corpus: Path, labels: str, classes: tuple[str, ...], start: datetime, end: datetime
) -> None:
    """Raise CorpusError unless there are videos in the window, and labels of every class among them."""
    if known.empty:
        first, latest = publication_span(corpus)
        reach = f"the corpus reaches from {first} to {latest}"
        raise CorpusError(f"no videos were published in [{start:%Y-%m-%d}, {end:%Y-%m-%d}): {reach}")
    counts = known.label.value_counts()
    if counts.empty:
        there = sorted(pc.unique(read_table(corpus / "labels", pa.schema([LABELS.field("task")]))["task"]).to_pylist())
        if labels not in there:
            raise CorpusError(
                f"the corpus {corpus.name} has no labels {labels}: it has {', '.join(there) or 'none'}; "
                "name one of them under 'labels' in the task file"
            )
        raise CorpusError(f"no video of the window has a label of {labels} made before the window's end")
    if absent := [label for label in classes if label not in counts.index]:
        found = ", ".join(f"{count} {label}" for label, count in counts.head(NAMED).items())
        raise CorpusError(
            f"the window has no video labelled {', '.join(absent)} by the labels {labels}, but {found}: "
            "widen the window or mend 'classes' in the task file"
        )


def require_times(rows: pd.DataFrame, column: str, table: str) -> None:
    """Raise CorpusError if a time is missing: a row without one would fall out of every window unseen."""
    missing = rows.video_id[rows[column].isna()]
    if len(missing):
        examples = ", ".join(map(str, missing.head(EXAMPLES)))
        raise CorpusError(f"{len(missing)} rows of {table} have no {column}, such as those of {examples}")


def newest_labels(labels: pd.DataFrame, end: datetime) -> pd.DataFrame:
    """The newest label of each video among those made before ``end``; ``labels`` are one task's."""
    known = labels[labels.labeled_at < end]
    newest = known.sort_values("labeled_at", kind="stable").drop_duplicates("video_id", keep="last")
    return newest.rename(columns={"source": "label_source"})[["video_id", "label", "label_source", "labeled_at"]]


def groups_of(catalogue: pd.DataFrame) -> pd.Series:
    """The group of each row (N,); a video without one is a group of its own."""
    return catalogue.group_id.fillna("video " + catalogue.video_id)


def assign_splits(catalogue: pd.DataFrame, settings: WindowSettings, seed: int) -> np.ndarray:
    """Split names (N,). Groups are cut whole: in the order of their first labelled video, by a draw, or by name.

    A video without a label is ``unlabelled``, unless its group judges: then it is ``held_out`` and trains nothing.
    """
    labelled = catalogue.label.notna().to_numpy()
    groups = groups_of(catalogue)
    if settings.split == "stable":
        before = {group: _place(group) for group in groups.unique()}
    else:
        before = _before(groups[labelled], settings, seed)
    evaluation = 1 - settings.evaluation_share
    tuning = evaluation - settings.tuning_share
    side = {
        group: EVALUATION if at >= evaluation else TUNING if at >= tuning else TRAIN for group, at in before.items()
    }
    without_label = {TRAIN: UNLABELLED, TUNING: HELD_OUT, EVALUATION: HELD_OUT}
    chosen = [side.get(group, TRAIN) for group in groups]
    return np.array([s if known else without_label[s] for s, known in zip(chosen, labelled, strict=True)])


def _place(group: str) -> float:
    """Where in [0, 1) a group stands for ever: by a digest of its name, and by nothing else."""
    return int(hashlib.sha256(group.encode()).hexdigest()[:13], 16) / 16**13


def _before(groups: pd.Series, settings: WindowSettings, seed: int) -> dict[str, float]:
    """The share of labelled rows, whose ``groups`` these are, that stands before each group's."""
    sizes = groups.value_counts(sort=False)
    order = groups.drop_duplicates().to_numpy()  # the catalogue is in the order of publication
    if settings.split == "random":
        order = np.random.default_rng(seed).permutation(np.sort(order))
    before = np.concatenate([[0], np.cumsum(sizes.loc[order].to_numpy())])[:-1] / max(len(groups), 1)
    return dict(zip(order, before.tolist(), strict=True))


def assign_folds(catalogue: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Fold numbers (N,) of training rows, groups whole and classes balanced; -1 elsewhere."""
    from sklearn.model_selection import StratifiedGroupKFold  # a second to import, which require_window does not need

    fold = np.full(len(catalogue), -1)
    train = np.flatnonzero(catalogue.split == TRAIN)
    if folds == 1:
        fold[train] = 0
        return fold
    rows = catalogue.iloc[train]
    groups = groups_of(rows)
    if groups.nunique() < folds:
        raise CorpusError(f"{groups.nunique()} groups of training videos cannot make {folds} folds: use fewer folds")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(splitter.split(rows, rows.label, groups)):
        fold[train[held_out]] = number
    return fold


def require_every_class(catalogue: pd.DataFrame, labels: str, classes: tuple[str, ...]) -> None:
    """Raise CorpusError unless every split has rows of every class; ``labels`` is what the message calls them."""
    if catalogue.label.isna().all():
        raise CorpusError(f"no video of the window has a label of {labels} made before the window's end")
    counts = catalogue.groupby(["split", "label"]).size()
    for split in LABELLED:
        absent = [label for label in classes if counts.get((split, label), 0) == 0]
        if absent:
            found = {label: int(counts.get((split, label), 0)) for label in classes}
            raise CorpusError(
                f"the {split} rows of {labels} have no video labelled {', '.join(absent)} (found {found}): "
                f"widen the window or raise {split if split != 'train' else 'the training'} share in the task file"
            )
