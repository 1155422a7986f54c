"""A window of the corpus as a catalogue: which videos count, what is known of their label, on which side they are."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from common.artifacts import EVALUATION, LABELLED, TRAIN
from corpus.contract import LABELS, VIDEOS, CorpusError, publication_span, read_manifest, read_table
from corpus.known_videos import known_videos
from corpus.settings import WindowSettings
from corpus.splitting import SPLITS, fold_groups, split_groups

NAMED = 20  # classes that a message names with their counts


def window_start(end: datetime, months: int) -> datetime:
    """``end`` less that many calendar months. Raises CorpusError if that is before the year 1."""
    try:
        return (pd.Timestamp(end) - pd.DateOffset(months=months)).to_pydatetime()
    except (ValueError, OverflowError) as error:
        raise CorpusError(f"there is no day {months} months before {end:%Y-%m-%d}: choose fewer months") from error


def write_window(
    path: Path,
    corpus: Path,
    labels: str,
    classes: tuple[str, ...],
    start: datetime,
    end: datetime,
    settings: WindowSettings,
    folds: int,
    seed: int,
) -> dict[str, int]:
    """Write the catalogue of [start, end), a row a video published in it, in the order of publication.

    ``labels`` is the name that the corpus gives the labels. A video's label is the newest one made before ``end``: a
    run at ``end`` cannot know of later ones. ``as_of`` is when it was made, or ``end`` for a video without a label;
    features may be known up to then. Of ``settings.pooled_months`` before ``start`` there are evaluation rows alone.

    The columns are video_id, published_at, title, overlay_text, group_id, media_uri (resolved, null if none), label
    and label_source (null if none), as_of, split (train, tuning, evaluation, unlabelled, held_out), fold (-1 outside
    train). Of all rows numbers alone are in memory, some hundred bytes a row.

    Returns:
        how many rows each split has, the largest first.

    Raises:
        CorpusError: no videos in the window, no such labels, a class without rows.
    """
    earlier = window_start(start, settings.pooled_months)
    with known_videos(corpus, labels, earlier, end, VIDEOS.names[2:]) as known:
        rows = known.arrays("published_at", "code", "label")
        inside = pc.greater_equal(rows["published_at"], pa.scalar(start, VIDEOS.field("published_at").type))
        _require_known(rows.filter(inside), corpus, labels, classes, start, end)
        codes, label = rows["code"].to_numpy(), rows["label"].combine_chunks().dictionary_encode()
        split = split_groups(codes, pc.is_valid(label).to_numpy(zero_copy_only=False), settings, seed)
        kept = inside.to_numpy() | (split == SPLITS.index(EVALUATION))
        splits = pd.Categorical.from_codes(split, SPLITS)
        found = pd.DataFrame({"split": splits, "label": label.to_pandas()})[kept]
        require_every_class(found, labels, classes)
        train = kept & (split == SPLITS.index(TRAIN))
        fold = np.full(len(rows), -1)
        numbers = label.indices.to_numpy(zero_copy_only=False)[train].astype(int)
        by_name = np.argsort(np.argsort(label.dictionary.to_numpy(zero_copy_only=False)))
        fold[train] = fold_groups(codes[train], by_name[numbers], folds, seed)
        names = pa.DictionaryArray.from_arrays(split, SPLITS)
        known.write(path, pa.table({"split": names, "fold": fold, "kept": kept}))
    return {str(name): int(count) for name, count in found.split.value_counts().items() if count}


def select_window(*window: Any, **named: Any) -> pd.DataFrame:
    """The catalogue that ``write_window`` writes, in memory; its arguments but for the path."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "catalogue.parquet"
        write_window(path, *window, **named)
        return pd.read_parquet(path)


def require_window(corpus: Path, labels: str, classes: tuple[str, ...], start: datetime, end: datetime) -> None:
    """Raise the CorpusError that a run over [start, end) would end with, before it starts.

    Reads when videos were published, and these labels, alone. What a split then lacks is found by the run.
    """
    read_manifest(corpus)
    with known_videos(corpus, labels, start, end) as known:
        _require_known(known.arrays("label"), corpus, labels, classes, start, end)


def previous_window(corpus: Path, labels: str, start: datetime, months: int, most: int, seed: int) -> pd.DataFrame:
    """video_id and as_of of the window before the one that begins at ``start``: at most ``most`` videos, drawn.

    What the features of this window are compared with. It may be empty: the corpus need not reach so far back.
    """
    with known_videos(corpus, labels, window_start(start, months), start) as known:
        drawn = None
        if len(known) > most:
            drawn = np.sort(np.random.default_rng(seed).choice(len(known), most, replace=False))
        return known.arrays("video_id", "as_of", rows=drawn).to_pandas().drop_duplicates("video_id", ignore_index=True)


def _require_known(
    known: pa.Table, corpus: Path, labels: str, classes: tuple[str, ...], start: datetime, end: datetime
) -> None:
    """Raise CorpusError unless there are videos in the window, and labels of every class among them."""
    if not len(known):
        first, latest = publication_span(corpus)
        reach = f"the corpus reaches from {first} to {latest}"
        raise CorpusError(f"no videos were published in [{start:%Y-%m-%d}, {end:%Y-%m-%d}): {reach}")
    counts = known["label"].to_pandas().value_counts()
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


def require_every_class(catalogue: pd.DataFrame, labels: str, classes: tuple[str, ...]) -> None:
    """Raise CorpusError unless every split has rows of every class; ``labels`` is what the message calls them."""
    if catalogue.label.isna().all():
        raise CorpusError(f"no video of the window has a label of {labels} made before the window's end")
    counts = catalogue.groupby(["split", "label"], observed=True).size()
    for split in LABELLED:
        absent = [label for label in classes if counts.get((split, label), 0) == 0]
        if absent:
            found = {label: int(counts.get((split, label), 0)) for label in classes}
            raise CorpusError(
                f"the {split} rows of {labels} have no video labelled {', '.join(absent)} (found {found}): "
                f"widen the window or raise {split if split != 'train' else 'the training'} share in the task file"
            )
