"""Windows of the training rows alone, in each of which a fold judges."""

import numpy as np
import pandas as pd
import pytest

from corpus.contract import CorpusError
from corpus.held_out import held_out_windows
from corpus.splitting import groups_of

CLASSES = ("bad", "good")


@pytest.fixture
def catalogue(rng) -> pd.DataFrame:
    """600 videos, half of them in groups of about four, some without a label."""
    split = rng.choice(["train", "unlabelled", "tuning", "evaluation", "held_out"], 600, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    groups = np.where(rng.random(600) < 0.5, [f"g{each}" for each in rng.integers(75, size=600)], None)
    label = np.where(np.isin(split, ["unlabelled", "held_out"]), None, rng.choice(CLASSES, 600, p=[0.8, 0.2]))
    fold = np.where(split == "train", rng.integers(3, size=600), -1)
    ids = [f"v{each}" for each in range(600)]
    return pd.DataFrame({"video_id": ids, "group_id": groups, "label": label, "split": split, "fold": fold})


def test_each_fold_judges_once_and_rows_that_judge_a_run_are_in_no_window(catalogue):
    windows = held_out_windows(catalogue, 3, CLASSES, 0)
    assert len(windows) == 3
    known = catalogue[catalogue.split.isin(["train", "unlabelled"])]
    for fold, window in enumerate(windows):
        assert list(window.video_id) == list(known.video_id)
        judges = set(window.video_id[window.split == "evaluation"])
        assert judges == set(catalogue.video_id[catalogue.fold == fold])
        others = (window.split == "tuning").sum() + (window.split == "train").sum()
        assert 0.15 < (window.split == "tuning").sum() / others < 0.25
        assert set(window.fold[window.split == "train"]) == {0, 1, 2}
        assert (window.fold[window.split != "train"] == -1).all()


def test_groups_stay_whole_and_those_that_judge_train_nothing(catalogue):
    catalogue["fold"] = -1
    train = catalogue.split == "train"
    numbers = {group: number % 3 for number, group in enumerate(sorted(groups_of(catalogue)[train].unique()))}
    catalogue.loc[train, "fold"] = groups_of(catalogue)[train].map(numbers)
    unseen = 0
    for window in held_out_windows(catalogue, 3, CLASSES, 0):
        groups = groups_of(window)
        sides = {name: set(groups[window.split == name]) for name in window.split.unique()}
        assert not sides["evaluation"] & (sides["train"] | sides["tuning"] | sides["unlabelled"])
        assert not sides["tuning"] & (sides["train"] | sides["unlabelled"])
        assert (window[window.split == "train"].groupby(groups).fold.nunique() == 1).all()
        unseen += (window.split == "held_out").sum()
    assert unseen > 10


def test_what_is_known_of_the_rows_that_judge_a_run_changes_no_window(catalogue):
    poisoned = catalogue.copy()
    judging = poisoned.split.isin(["tuning", "evaluation", "held_out"])
    poisoned.loc[judging, "label"] = "good"
    poisoned.loc[judging, "group_id"] = "g1"
    pairs = zip(held_out_windows(catalogue, 3, CLASSES, 0), held_out_windows(poisoned, 3, CLASSES, 0), strict=True)
    for before, after in pairs:
        pd.testing.assert_frame_equal(before, after)


def test_a_task_with_one_fold_is_judged_on_folds_all_the_same(catalogue):
    catalogue["fold"] = np.where(catalogue.split == "train", 0, -1)
    windows = held_out_windows(catalogue, 1, CLASSES, 0)
    judged = [video_id for each in windows for video_id in each.video_id[each.split == "evaluation"]]
    assert len(windows) == 3
    assert sorted(judged) == sorted(catalogue.video_id[catalogue.split == "train"])
    assert all(set(each.fold[each.split == "train"]) == {0} for each in windows)


def test_a_class_that_a_fold_leaves_out_is_named(catalogue):
    catalogue.loc[(catalogue.split == "train") & (catalogue.fold == 1), "label"] = "good"
    sentence = r"with fold 1 of the training rows held out, its evaluation rows have no video labelled bad: widen"
    with pytest.raises(CorpusError, match=sentence):
        held_out_windows(catalogue, 3, CLASSES, 0)
