"""Which side of a split and which fold a video is on: groups stay whole, and a seed decides. Arrays in, arrays out.

A group is known by its code: the first 64 bits of its name's digest, so that millions of groups are numbers, and a
group's place in a stable split follows from its name alone.
"""

import hashlib

import numpy as np
import pandas as pd

from common.artifacts import EVALUATION, HELD_OUT, TRAIN, TUNING, UNLABELLED
from corpus.contract import CorpusError
from corpus.settings import WindowSettings

SPLITS = (TRAIN, TUNING, EVALUATION, UNLABELLED, HELD_OUT)  # what the numbers of ``split_groups`` stand for
DIGITS = 16  # of a group's digest in hexadecimal: no two of twenty million groups share them by chance
PLACE = 13  # of these: as many as a float keeps
PARTS = 100  # of what is left of equal groups, one at a time goes to a fold


def groups_of(catalogue: pd.DataFrame) -> pd.Series:
    """The name of the group of each row (N,); a video without one is a group of its own."""
    return catalogue.group_id.fillna("video " + catalogue.video_id)


def group_codes(catalogue: pd.DataFrame) -> np.ndarray:
    """The code of the group of each row (N,); ``corpus.known_videos`` computes the same in SQL."""
    groups = groups_of(catalogue)
    codes = {group: int(hashlib.sha256(group.encode()).hexdigest()[:DIGITS], 16) for group in groups.unique()}
    return groups.map(codes).to_numpy(np.uint64)


def assign_splits(catalogue: pd.DataFrame, settings: WindowSettings, seed: int) -> np.ndarray:
    """The name of the split of each row (N,), which are in the order of publication (``split_groups``)."""
    numbers = split_groups(group_codes(catalogue), catalogue.label.notna().to_numpy(), settings, seed)
    return np.array(SPLITS)[numbers]


def assign_folds(catalogue: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """The fold of each training row (N,); -1 for others (``fold_groups``)."""
    train = np.flatnonzero(catalogue.split == TRAIN)
    rows = catalogue.iloc[train]
    fold = np.full(len(catalogue), -1)
    fold[train] = fold_groups(group_codes(rows), pd.factorize(rows.label, sort=True)[0], folds, seed)
    return fold


def split_groups(codes: np.ndarray, labelled: np.ndarray, settings: WindowSettings, seed: int) -> np.ndarray:
    """Positions in SPLITS (N,). Groups are cut in the order of their first labelled video, by a draw, or by name.

    A video without a label is ``unlabelled``, unless its group judges: then it is ``held_out`` and trains nothing.
    Without a label a group has no say in the shares, and trains.
    """
    evaluation = 1 - settings.evaluation_share
    bounds = [evaluation - settings.tuning_share, evaluation]
    if settings.split == "stable":
        place = (codes >> np.uint64(4 * (DIGITS - PLACE))) / 16**PLACE
        side = np.digitize(place, bounds)
    else:
        groups, first, sizes = np.unique(codes[labelled], return_index=True, return_counts=True)
        newest = settings.split == "newest"
        order = np.argsort(first) if newest else np.random.default_rng(seed).permutation(len(groups))
        before = np.empty(len(groups))
        before[order] = (np.cumsum(sizes[order]) - sizes[order]) / max(labelled.sum(), 1)
        side = np.zeros(len(codes), int)
        if len(groups):
            at = np.minimum(np.searchsorted(groups, codes), len(groups) - 1)
            side = np.where(groups[at] == codes, np.digitize(before, bounds)[at], 0)
    without_label = np.where(side == SPLITS.index(TRAIN), SPLITS.index(UNLABELLED), SPLITS.index(HELD_OUT))
    return np.where(labelled, side, without_label).astype(np.int8)


def fold_groups(codes: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold numbers (N,) of rows with these groups and labels (from 0): groups whole, classes balanced.

    The largest groups first, each goes where it makes the folds most alike, as scikit-learn's StratifiedGroupKFold has
    it. That looks at every group by itself, which takes minutes for millions; here groups with the same numbers of
    each class are dealt out together, in ever smaller parts.

    Raises:
        CorpusError: fewer groups than folds.
    """
    if folds == 1:
        return np.zeros(len(codes), int)
    groups, group_of = np.unique(codes, return_inverse=True)
    if len(groups) < folds:
        raise CorpusError(f"{len(groups)} groups of training videos cannot make {folds} folds: use fewer folds")
    classes = labels.max() + 1
    counts = np.bincount(group_of * classes + labels, minlength=len(groups) * classes).reshape(-1, classes)
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(groups))
    # Groups alike are known by a weighted sum of their counts, which is a number and not a row.
    alike = counts[shuffled].astype(np.uint64) @ generator.integers(1, 2**63, classes, dtype=np.uint64)
    _, first, kind = np.unique(alike, return_index=True, return_inverse=True)
    members = np.split(shuffled[np.argsort(kind, kind="stable")], np.cumsum(np.bincount(kind))[:-1])
    each = counts[shuffled[first]]
    fold, filled = np.empty(len(groups), int), np.zeros((folds, classes))
    for number in np.argsort(-each.sum(1), kind="stable"):
        _deal_out(members[number], each[number], fold, filled, counts.sum(0))
    return fold[group_of]


def _deal_out(groups: np.ndarray, count: np.ndarray, fold: np.ndarray, filled: np.ndarray, total: np.ndarray) -> None:
    """Put groups of so many rows a class into the folds that they make most alike; ``filled`` (folds, classes)."""
    own = np.eye(len(filled))[:, :, None]
    dealt = 0
    while dealt < len(groups):
        part = max(1, (len(groups) - dealt) // PARTS)
        shares = (filled + own * count * part) / np.maximum(total, 1)  # (chosen fold, fold, class)
        best = int(np.lexsort((filled.sum(1), shares.std(axis=1).mean(axis=1)))[0])
        fold[groups[dealt : dealt + part]] = best
        filled[best] += count * part
        dealt += part
