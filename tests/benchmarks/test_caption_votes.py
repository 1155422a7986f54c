"""Labels of six votes, labels to judge by, and features of votes that no six-vote label is made from."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.real_data.caption_votes import (
    COLUMNS,
    LABELLING,
    PRIVILEGED,
    caption_tables,
    draw_votes,
    mean_score,
    top_quarter,
)
from corpus.contract import CorpusError


@pytest.fixture
def items(rng) -> pd.DataFrame:
    """400 captions of two contests, with the same number of votes in both halves of each."""
    votes = {column: rng.integers(5, 40, 400) for column in (*PRIVILEGED, *LABELLING)}
    contest = np.arange(400) % 2 + 559
    return pd.DataFrame({"item_id": [f"c{row}" for row in range(400)], "contest": contest, "caption": "x", **votes})


def test_six_votes_are_drawn_from_the_votes_there_are(rng):
    counts = rng.integers(2, 8, (500, 3))
    drawn = draw_votes(counts, 6, 0)
    assert (drawn.sum(axis=1) == 6).all()
    assert (drawn <= counts).all()
    assert (drawn >= 0).all()
    assert (drawn == draw_votes(counts, 6, 0)).all()
    assert (drawn != draw_votes(counts, 6, 1)).any()


def test_all_votes_are_drawn_where_there_are_six_and_fewer_are_refused():
    assert draw_votes(np.array([[1, 2, 3], [0, 0, 6]]), 6, 0).tolist() == [[1, 2, 3], [0, 0, 6]]
    with pytest.raises(CorpusError, match="fewer than the 6 votes"):
        draw_votes(np.array([[1, 2, 2]]), 6, 0)


def test_the_draw_is_without_replacement_and_favours_no_verdict():
    """Mean and variance of the hypergeometric distribution: with replacement the variance would be 1.32 for funny."""
    drawn = draw_votes(np.tile([8, 6, 4], (40_000, 1)), 6, 0)
    shares = np.array([8, 6, 4]) / 18
    assert drawn.mean(axis=0) == pytest.approx(6 * shares, abs=0.03)
    assert drawn.var(axis=0) == pytest.approx(6 * shares * (1 - shares) * 12 / 17, abs=0.03)


def test_the_score_counts_funny_three_times_and_is_missing_without_votes():
    assert mean_score(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 2]])).tolist() == [3, 2, 1, 1.75]
    assert np.isnan(mean_score(np.zeros((1, 3), int))).all()


def test_the_best_quarter_is_each_contests_own():
    contest = pd.Series([1] * 4 + [2] * 8, index=range(100, 112))  # whatever the rows' names
    score = np.array([1, 1.1, 1.2, 1.3, 2, 2.9, 2, 2, 2.8, 2, 2, 2])
    assert np.flatnonzero(top_quarter(score, contest, 0)).tolist() == [3, 5, 8]


def test_ties_are_broken_by_chance_and_a_quarter_stays_a_quarter():
    contest = pd.Series([1] * 400)
    score = np.where(np.arange(400) < 50, 3.0, 2.0)
    first, second = top_quarter(score, contest, 0), top_quarter(score, contest, 1)
    assert first.sum() == second.sum() == 100
    assert first[:50].all()
    assert second[:50].all()
    assert (first != second).any()
    assert 15 <= first[225:].sum() <= 35  # of 50 among 350 that stand level: those in the second half have their share


def test_a_noisy_label_is_made_from_its_half_alone_and_features_from_the_other(items):
    before = caption_tables(items, 0)
    after = caption_tables(items.assign(**dict.fromkeys(PRIVILEGED, 1)), 0)
    assert (before["items"].six_votes == after["items"].six_votes).all()
    assert (before["items"].all_votes != after["items"].all_votes).any()
    swapped = caption_tables(items.assign(**dict.fromkeys(LABELLING, 7)), 0)
    pd.testing.assert_frame_equal(before["votes"], swapped["votes"])
    assert (before["items"].six_votes != swapped["items"].six_votes).any()


def test_a_seed_draws_noisy_labels_anew_and_leaves_those_to_judge_by(items):
    first, second = (caption_tables(items, seed)["items"] for seed in (0, 1))
    assert (first.all_votes == second.all_votes).all()
    assert (first.six_votes != second.six_votes).any()
    assert (first.six_votes == "top").sum() == (first.all_votes == "top").sum() == 100


def test_features_are_counts_shares_and_the_score(items):
    votes = caption_tables(items, 0)["votes"]
    assert len(COLUMNS) == 9
    assert (votes.votes == votes.funny + votes.somewhat_funny + votes.unfunny).all()
    assert (votes.funny_share + votes.somewhat_funny_share + votes.unfunny_share).to_numpy() == pytest.approx(1)
    assert votes.score.between(1, 3).all()
