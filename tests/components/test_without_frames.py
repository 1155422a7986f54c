"""The steps that read media, for a task whose student reads texts alone."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from components.decode_clips import decode_clips
from components.validate_data import validate_data
from corpus.contract import CorpusError
from corpus.window import select_window
from models.data.clips import ClipStore

START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
NO_FRAMES = ["title", "overlay_text"]


@pytest.fixture
def catalogue(corpus, task, tmp_path) -> SimpleNamespace:
    """A window of videos that are not stored."""
    rows = select_window(corpus, task.task, task.classes, START, END, task.window, 2, 0).assign(media_uri=None)
    rows.to_parquet(tmp_path / "catalogue.parquet", index=False)
    return SimpleNamespace(path=str(tmp_path / "catalogue.parquet"))


def output(folder: Path, name: str) -> SimpleNamespace:
    return SimpleNamespace(path=str(folder / name))


def check(catalogue, task, modalities, folder) -> pd.DataFrame:
    sound = output(folder, "sound.parquet")
    validate_data.python_func(
        catalogue=catalogue, labels=task.labels, classes=list(task.classes), modalities=modalities,
        window_start=START.isoformat(), window_end=END.isoformat(), validation=task.validation.model_dump_json(),
        clip_store="", parts=[], sound_catalogue=sound, set_aside=output(folder, "aside.parquet"),
        data_docs=output(folder, "docs"), data_docs_page=output(folder, "page.html"),
        findings=output(folder, "findings.json"),
    )  # fmt: skip
    return pd.read_parquet(sound.path)


def test_media_that_nobody_reads_are_neither_opened_nor_missed(catalogue, task, tmp_path, capsys):
    sound = check(catalogue, task, NO_FRAMES, tmp_path)
    assert len(sound) == 240
    assert sound.media_uri.isna().all()
    assert "probed" not in capsys.readouterr().out


def test_a_task_with_frames_stops_over_a_corpus_without_media(catalogue, task, tmp_path):
    with pytest.raises(CorpusError, match="none of the window's videos has media"):
        check(catalogue, task, [*NO_FRAMES, "frames"], tmp_path)


def test_nothing_is_decoded_and_both_artifacts_are_there(catalogue, task, tmp_path):
    recipe = task.recipe.model_copy(update={"modalities": tuple(NO_FRAMES)})
    clips, aside = output(tmp_path, "clips.arrow"), output(tmp_path, "undecodable.parquet")
    decode_clips.python_func(
        catalogue=catalogue, clip_settings=recipe.clips.model_dump_json(), modalities=list(recipe.modalities),
        validation=task.validation.model_dump_json(), clip_store="", parts=[], clips=clips, set_aside=aside,
    )  # fmt: skip
    assert ClipStore(Path(clips.path)).video_ids == []
    assert len(pd.read_parquet(aside.path)) == 0
