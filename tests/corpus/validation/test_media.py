"""Media of a window, opened by one pod or by several: the same facts, and the next window opens what is new."""

import pandas as pd
import pytest

from common import shards as common_shards
from common.errors import UserError
from corpus.validation.media import NO_MEDIA, media_facts, media_shards, probed_shards
from models.data.clips import probe


@pytest.fixture
def rows(catalogue, tmp_path) -> pd.DataFrame:
    """Nine videos of nine days: one broken, one without a file, two of the same file."""
    found = catalogue.head(9)[["video_id", "media_uri"]].copy()
    (tmp_path / "broken.mp4").write_text("not a video")
    found.iloc[4, 1] = str(tmp_path / "broken.mp4")
    found.iloc[6, 1] = None
    found.iloc[7, 1] = found.iloc[0, 1]
    return found.assign(published_at=pd.date_range("2026-06-01", periods=9, tz="UTC"))


def silent(_: int) -> None: ...


@pytest.mark.parametrize("parts", [1, 3])
def test_facts_by_shards_are_those_of_one_pod(rows, tmp_path, monkeypatch, parts):
    monkeypatch.setattr(common_shards, "SHARD", 2)
    store = (tmp_path / "store").as_uri()
    for part in range(1, parts):  # the pod of the first never came
        list(probed_shards(media_shards(rows, part, parts), store, probe, silent))
    ours, alone = media_facts(rows, probe, silent, store), media_facts(rows, probe, silent)
    pd.testing.assert_frame_equal(ours, alone)
    assert alone.media_error.notna().tolist() == [n in (4, 6) for n in range(9)]
    assert alone.media_error[6] == NO_MEDIA
    assert alone.media_digest[0] == alone.media_digest[7]
    assert alone.media_digest.nunique() == 6


def test_a_window_a_day_later_opens_the_new_day_alone(rows, tmp_path):
    store = (tmp_path / "store").as_uri()
    media_facts(rows.iloc[:8], probe, silent, store)
    opened: list[str] = []

    def noting(source: str) -> None:
        opened.append(source)
        probe(source)

    later = media_facts(rows.iloc[1:].reset_index(drop=True), noting, silent, store)
    assert opened == [rows.media_uri[8]]
    assert later.media_error.notna().sum() == 2


def test_a_fault_that_is_nobodys_mistake_ends_the_step(rows):
    def broken(_: str) -> None:
        raise RuntimeError("a fault of the program")

    with pytest.raises(RuntimeError, match="a fault of the program"):
        media_facts(rows, broken, silent)
    with pytest.raises(UserError, match="none of the window's videos has media"):
        media_facts(rows.assign(media_uri=None), probe, silent)
