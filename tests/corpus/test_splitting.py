"""Sides and folds: groups whole, shares kept, a seed that decides."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from corpus.contract import CorpusError
from corpus.settings import WindowSettings
from corpus.splitting import assign_folds, assign_splits, fold_groups

SETTINGS = WindowSettings(evaluation_share=0.25, tuning_share=0.2)


def rows_of(groups: list[str | None]) -> pd.DataFrame:
    count = len(groups)
    return pd.DataFrame(
        {
            "video_id": [f"v{index}" for index in range(count)],
            "group_id": groups,
            "label": ["a", "b"] * (count // 2) + ["a"] * (count % 2),
        }
    )


@pytest.mark.parametrize("split", ["newest", "random"])
def test_a_group_stays_on_one_side_and_in_one_fold(split):
    rows = rows_of([f"g{index % 17}" if index % 5 else None for index in range(200)])
    rows["split"] = assign_splits(rows, SETTINGS.model_copy(update={"split": split}), seed=1)
    grouped = rows[rows.group_id.notna()]
    assert (grouped.groupby("group_id").split.nunique() == 1).all()
    rows.loc[rows.index % 3 == 0, "label"] = None
    rows["split"] = assign_splits(rows, SETTINGS.model_copy(update={"split": split}), seed=1)
    judging = set(rows.group_id[rows.split.isin(["tuning", "evaluation"])].dropna())
    learning = set(rows.group_id[rows.split.isin(["train", "unlabelled"])].dropna())
    assert judging
    assert not judging & learning
    assert (rows.split[rows.label.isna()].isin(["unlabelled", "held_out"])).all()
    rows = rows_of(list(rows.group_id))
    rows["split"] = assign_splits(rows, SETTINGS.model_copy(update={"split": split}), seed=1)
    shares = rows.split.value_counts(normalize=True)
    assert 0.15 < shares["evaluation"] < 0.35
    rows["fold"] = assign_folds(rows, 3, seed=1)
    train = rows[(rows.split == "train") & rows.group_id.notna()]
    assert (train.groupby("group_id").fold.nunique() == 1).all()
    assert set(rows.fold[rows.split == "train"]) == {0, 1, 2}
    assert (rows.fold[rows.split != "train"] == -1).all()


@pytest.mark.parametrize("folds", [2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_folds_are_as_even_as_scikit_learns(folds, seed):
    """Sizes and classes, on groups of which a few are large: the spread of class counts over folds."""
    generator = np.random.default_rng(seed)
    codes = generator.zipf(1.6, 4_000).clip(max=600).astype(np.uint64)
    labels = (generator.random(4_000) < 0.2).astype(int) | (codes % 7 == 0).astype(int)

    def spread(fold: np.ndarray) -> float:
        assert (pd.Series(fold).groupby(codes).nunique() == 1).all()
        counts = np.bincount(fold * 2 + labels, minlength=2 * folds).reshape(folds, 2)
        return float((counts.std(0) / counts.mean(0)).mean())

    own = fold_groups(codes, labels, folds, seed)
    theirs = np.empty(len(codes), int)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(splitter.split(codes, labels, codes)):
        theirs[held_out] = number
    assert spread(own) <= spread(theirs) + 0.01
    assert (own == fold_groups(codes, labels, folds, seed)).all()
    assert (own != fold_groups(codes, labels, folds, seed + 1)).any()


def test_a_million_groups_are_cut_in_seconds():
    codes = np.arange(1_000_000, dtype=np.uint64)
    labels = (codes % 10 == 0).astype(int)
    counts = np.bincount(fold_groups(codes, labels, 3, 0) * 2 + labels)
    assert np.ptp(counts[::2]) <= 1
    assert np.ptp(counts[1::2]) <= 1


def test_newest_puts_the_newest_on_the_evaluation_side():
    rows = rows_of([None] * 100)
    splits = assign_splits(rows, SETTINGS, seed=0)
    assert list(splits) == ["train"] * 55 + ["tuning"] * 20 + ["evaluation"] * 25


def test_the_seed_alone_decides_a_random_split():
    rows = rows_of([None] * 100)
    random = SETTINGS.model_copy(update={"split": "random"})
    assert (assign_splits(rows, random, 1) == assign_splits(rows, random, 1)).all()
    assert (assign_splits(rows, random, 1) != assign_splits(rows, random, 2)).any()


def test_too_few_groups_for_the_folds_is_named():
    rows = rows_of(["one", "two"] * 10)
    rows["split"] = "train"
    with pytest.raises(CorpusError, match="2 groups of training videos cannot make 3 folds"):
        assign_folds(rows, 3, 0)
