"""Captions of a cartoon contest: labels from six votes, labels from all votes, and features from other votes.

The crowd's votes of each caption come in two halves. Six votes of the one half make a noisy label, as a user would
have it. The other half is the teacher's: it shares no vote with the noisy label. All votes together make the label to
judge by. They hold the teacher's half too, so the teacher is judged in part on votes that it has seen.
"""

import numpy as np
import pandas as pd

from corpus.contract import CorpusError

VERDICTS = ("funny", "somewhat_funny", "unfunny")
PRIVILEGED, LABELLING = (tuple(f"{verdict}_{half}" for verdict in VERDICTS) for half in ("privileged", "label"))
COLUMNS = ("item_id", "contest", "caption", *PRIVILEGED, *LABELLING)
WORTH = np.array([3, 2, 1])  # of a vote of each verdict, as the contest counts
VOTES = 6  # a label: they agree with all votes on three of four captions
TOP, ORDINARY = "top", "ordinary"
JUDGING_SEED = 0  # ties among all votes are broken alike for every seed: what is true is not drawn anew


def caption_tables(items: pd.DataFrame, seed: int) -> dict[str, pd.DataFrame]:
    """``items`` (item_id, contest, caption, six_votes, all_votes) and ``votes`` (item_id, features), a row a caption.

    Raises CorpusError if a caption has fewer than six votes in the half that labels are made from.
    """
    privileged, labelling = (items[list(columns)].to_numpy() for columns in (PRIVILEGED, LABELLING))
    few = mean_score(draw_votes(labelling, VOTES, seed))
    every = mean_score(privileged + labelling)
    named = items[["item_id", "contest", "caption"]].assign(
        six_votes=_named(top_quarter(few, items.contest, seed)),
        all_votes=_named(top_quarter(every, items.contest, JUDGING_SEED)),
    )
    return {"items": named, "votes": vote_features(items.item_id, privileged)}


def draw_votes(counts: np.ndarray, votes: int, seed: int) -> np.ndarray:
    """``votes`` of each row's votes, drawn without replacement: counts (N, 3) to counts (N, 3).

    A multivariate hypergeometric draw, a verdict after another. Raises CorpusError if a row has fewer votes.
    """
    if len(counts) and counts.sum(axis=1).min() < votes:
        raise CorpusError(f"a caption has fewer than the {votes} votes that its label is made from")
    generator = np.random.default_rng(seed)
    funny = generator.hypergeometric(counts[:, 0], counts[:, 1] + counts[:, 2], votes)
    somewhat = generator.hypergeometric(counts[:, 1], counts[:, 2], votes - funny)
    return np.stack([funny, somewhat, votes - funny - somewhat], axis=1)


def mean_score(counts: np.ndarray) -> np.ndarray:
    """The contest's score (N,), from 1 to 3: the mean worth of the votes (N, 3); NaN without votes."""
    total = counts.sum(axis=1)
    return np.divide(counts @ WORTH, total, out=np.full(len(counts), np.nan), where=total > 0)


def top_quarter(score: np.ndarray, contest: pd.Series, seed: int) -> np.ndarray:
    """Whether each row (N,) is in the best quarter of its contest, rounded down; ties are broken by a seeded draw.

    Six votes have 13 scores, so that many captions stand level at the limit.
    """
    chance = np.random.default_rng(seed).random(len(score))
    ranked = pd.DataFrame({"contest": contest.to_numpy(), "score": score, "chance": chance})
    ranked = ranked.sort_values(["score", "chance"], ascending=False)
    place = ranked.groupby("contest").cumcount()
    size = ranked.groupby("contest").score.transform("size")
    return (place < size // 4).sort_index().to_numpy()


def vote_features(ids: pd.Series, counts: np.ndarray) -> pd.DataFrame:
    """item_id with the counts (N, 3) of a half, their shares, the number of votes and the mean score."""
    total = counts.sum(axis=1)
    features = {verdict: counts[:, column] for column, verdict in enumerate(VERDICTS)}
    shares = {f"{verdict}_share": values / total for verdict, values in features.items()}
    return pd.DataFrame({"item_id": ids, "votes": total, "score": mean_score(counts), **features, **shares})


def _named(top: np.ndarray) -> np.ndarray:
    return np.where(top, TOP, ORDINARY)
