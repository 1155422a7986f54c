"""Moderated videos: the score of the speech takes from labels only what it may."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from source_code import ROOT

from benchmarks.real_data.kuaimod import ABSENT, FINE_TAG, kuaimod_tables, speech_scores, training_rows
from benchmarks.real_data.preparing import prepare
from corpus.contract import CorpusError
from corpus.importing.importer import import_corpus
from corpus.importing.mapping import read_mapping
from corpus.window import select_window
from pipelines.task import load_task


@pytest.fixture
def items(rng) -> pd.DataFrame:
    """120 videos; every third says nothing, and what the others say has something to do with the tag."""
    violating = rng.random(120) < 0.5
    words = np.where(violating, "bad words here", "good words here")
    speech = [ABSENT if row % 3 == 0 else f"{word} {rng.integers(1000)}" for row, word in enumerate(words)]
    return pd.DataFrame(
        {
            "pid": [f"{row:03d}" for row in range(120)],
            "tag": np.where(violating, "some rule", FINE_TAG),
            "title": ["a title", ABSENT] * 60,
            "OCR": [ABSENT, " an overlay "] * 60,
            "ASR": speech,
        }
    )


@pytest.fixture
def speech(items) -> pd.Series:
    return items.ASR.where(items.ASR != ABSENT, "")


def test_no_label_has_a_part_in_the_score_of_its_own_row(speech, rng):
    violating, training = rng.random(120) < 0.5, np.arange(120) < 80
    before = speech_scores(speech, violating, training, 0)
    told = []
    for row in np.flatnonzero(training & (speech != "").to_numpy())[::7]:
        changed = violating.copy()
        changed[row] = not changed[row]
        after = speech_scores(speech, changed, training, 0)
        assert after[row] == before[row]
        told.append((after != before)[~np.isnan(before)].any())
    assert len(told) == 8
    assert all(told)  # the label counts, but for other rows


def test_no_label_of_a_judging_row_has_a_part_in_any_score(speech, rng):
    violating, training = rng.random(120) < 0.5, np.arange(120) < 80
    before = speech_scores(speech, violating, training, 0)
    changed = np.where(training, violating, ~violating)
    np.testing.assert_array_equal(speech_scores(speech, changed, training, 0), before)


def test_a_score_is_missing_where_nothing_is_said_and_says_something_elsewhere(items):
    tables = kuaimod_tables(items, 0)
    spoken = items.ASR != ABSENT
    assert (tables["speech"].violation_score.notna() == spoken).all()
    assert (tables["speech"].has_speech == spoken).all()
    assert (tables["speech"].characters > 0).equals(spoken)
    score, violating = tables["speech"].violation_score, items.tag != FINE_TAG
    assert score[violating & spoken].min() > score[~violating & spoken].max()
    assert score.dropna().between(0, 1).all()


def test_a_text_that_is_written_as_absent_is_empty(items):
    named = kuaimod_tables(items, 0)["items"]
    assert named.title.tolist() == ["a title", ""] * 60
    assert named.overlay_text.tolist() == ["", "an overlay"] * 60


@pytest.mark.parametrize("seed", [0, 3])
def test_the_rows_that_a_score_is_fitted_on_are_the_training_rows_of_the_run(items, tmp_path, seed):
    items.to_parquet(tmp_path / "items.parquet")
    prepare("kuaimod", tmp_path, tmp_path / "prepared", seed)
    corpus, task = tmp_path / "kuaimod", load_task("violating")
    import_corpus(read_mapping(ROOT / "examples" / "kuaimod.yaml"), tmp_path / "prepared", corpus)
    start, end = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
    rows = select_window(corpus, task.labels, task.classes, start, end, task.window, 3, seed).set_index("video_id")
    learned = training_rows(items.pid, rows.label.loc[items.pid].to_numpy(), seed)
    assert (rows.split.loc[items.pid] == "train").to_numpy().tolist() == learned.tolist()
    assert learned.sum() == 60
    before = kuaimod_tables(items, seed)["speech"]
    for changed, alike in ((~learned, True), (learned, False)):
        tags = items.tag.where(~changed, items.tag.map({FINE_TAG: "some rule", "some rule": FINE_TAG}))
        assert kuaimod_tables(items.assign(tag=tags), seed)["speech"].equals(before) == alike


def test_other_data_is_refused_in_a_sentence(items, tmp_path):
    items.drop(columns="ASR").to_parquet(tmp_path / "items.parquet")
    with pytest.raises(CorpusError, match="has no column ASR"):
        prepare("kuaimod", tmp_path, tmp_path / "prepared", 0)
    assert not (tmp_path / "prepared").exists()
