"""Peers: what they can read of a task they do, and no judging row's label has a part in them."""

from dataclasses import replace

import numpy as np
import pytest

from common.artifacts import JUDGING
from models.evaluation.metrics import roc_auc
from models.evaluation.peers import ALWAYS, BOOSTING, BOTH_RAW, FRAMES, NGRAMS, PRIVILEGED, RAW, STACKED, peer_scores


def peers(run_data, artifacts, recipe) -> dict[str, np.ndarray]:
    """Probabilities (N, C) by peer."""
    table = peer_scores(run_data, artifacts / "privileged", recipe, 0).to_pandas()
    assert table.pop("video_id").tolist() == run_data.rows(*JUDGING).video_ids
    return {name: np.stack(values) for name, values in table.items()}


@pytest.fixture(scope="module")
def scores(artifacts, run_data, recipe):
    return peers(run_data, artifacts, recipe)


@pytest.fixture
def labels(run_data):
    return run_data.rows(*JUDGING).labels.numpy()


def test_every_peer_gives_probabilities_of_every_judging_row(scores, labels):
    assert list(scores) == [*RAW, *PRIVILEGED]
    for values in scores.values():
        assert values.shape == (len(labels), 2)
        np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)
    assert np.ptp(scores[ALWAYS], axis=0).max() == 0


def test_privileged_features_are_worth_something_to_who_reads_them(scores, labels):
    assert min(roc_auc(labels, scores[name]) for name in (BOOSTING, STACKED)) > 0.6


def test_judging_labels_change_nothing(scores, artifacts, run_data, recipe):
    judging = run_data.frame.split.isin(JUDGING).to_numpy()
    labels = run_data.videos.labels.clone()
    labels[judging] = 1 - labels[judging]
    changed = replace(run_data, videos=replace(run_data.videos, labels=labels))
    again = peers(changed, artifacts, recipe)
    for name, values in scores.items():
        np.testing.assert_array_equal(again[name], values)


def test_a_task_without_frames_or_text_has_fewer_peers(artifacts, run_data, recipe):
    texts = recipe.model_copy(update={"modalities": ("title",)})
    names = set(peers(run_data, artifacts, texts))
    assert names == {*RAW, *PRIVILEGED} - {FRAMES, BOTH_RAW}
    frames = recipe.model_copy(update={"modalities": ("frames",)})
    assert set(peers(run_data, artifacts, frames)) >= {ALWAYS, FRAMES, STACKED}
    assert NGRAMS not in peers(run_data, artifacts, frames)
