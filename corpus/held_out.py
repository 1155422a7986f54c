"""A catalogue's training rows as windows of their own, in each of which one fold judges: what tuning may look at."""

import numpy as np
import pandas as pd

from common.artifacts import EVALUATION, HELD_OUT, LABELLED, LEARNING, TRAIN, TUNING, UNLABELLED
from corpus.contract import CorpusError
from corpus.splitting import assign_folds, groups_of

PARTS = 5  # one of which chooses thresholds: a fifth, which is the share of tuning rows where labels are few
JUDGES = 3  # folds that judge in turn, where the task trains its teachers on all rows and so has no folds


def held_out_windows(catalogue: pd.DataFrame, folds: int, classes: tuple[str, ...], seed: int) -> list[pd.DataFrame]:
    """A catalogue a fold, of training and unlabelled rows alone: the tuning and evaluation rows are in none of them.

    The fold's rows are its evaluation rows, a fifth of the others its tuning rows, and the rest its training rows,
    which are cut into ``folds`` anew, for out-of-fold teachers that saw neither. Groups stay whole: a video without a
    label of a group that judges is ``held_out``.

    Raises:
        CorpusError: a window lacks a class in its training, tuning or evaluation rows, or groups to cut.
    """
    rows = catalogue[catalogue.split.isin(LEARNING)].reset_index(drop=True)
    if folds == 1:
        rows["fold"] = assign_folds(rows, JUDGES, seed)
    return [_held_out(rows, fold, folds, classes, seed) for fold in range(rows.fold.max() + 1)]


def _held_out(rows: pd.DataFrame, fold: int, folds: int, classes: tuple[str, ...], seed: int) -> pd.DataFrame:
    window = rows.copy()
    window.loc[(rows.split == TRAIN) & (rows.fold == fold), "split"] = EVALUATION
    window.loc[assign_folds(window, PARTS, seed) == 0, "split"] = TUNING
    groups = groups_of(window)
    judging = groups[window.split.isin((TUNING, EVALUATION))]
    window.loc[(window.split == UNLABELLED) & groups.isin(judging), "split"] = HELD_OUT
    window["fold"] = assign_folds(window, folds, seed)
    for split in LABELLED:
        absent = sorted(set(classes) - set(np.unique(window.label[window.split == split])))
        if absent:
            raise CorpusError(
                f"with fold {fold} of the training rows held out, its {split} rows have no video labelled "
                f"{', '.join(absent)}: widen the window or change distillation.folds"
            )
    return window
