"""Decoded clips that tasks share: the same videos and settings are decoded once, and what is linked stays."""

from pathlib import Path

import pytest

from models.data import clip_cache
from models.data.clip_cache import CLIPS, shared_clips, unused
from models.data.clips import ClipStore
from models.settings import ClipSettings

SETTINGS = ClipSettings(frames=2, image_size=32)


@pytest.fixture
def videos(catalogue, tmp_path) -> list[tuple[str, str]]:
    rows = catalogue.head(4)
    (tmp_path / "broken.mp4").write_text("not a video")
    return [*zip(rows.video_id, rows.media_uri, strict=True), ("broken", str(tmp_path / "broken.mp4"))]


def test_the_second_task_decodes_nothing_and_has_the_same_clips_and_faults(videos, tmp_path, monkeypatch):
    first, found = shared_clips(videos, tmp_path / "a", SETTINGS, tmp_path / "store")
    assert not found
    assert [video_id for video_id, _ in first] == ["broken"]
    monkeypatch.setattr(clip_cache, "write_clips", lambda *_: pytest.fail("decoded again"))
    second, found = shared_clips(videos, tmp_path / "b", SETTINGS, tmp_path / "store")
    assert found
    assert second == first
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").stat().st_ino == (tmp_path / "b").stat().st_ino  # no byte of disk more
    assert ClipStore(tmp_path / "b").video_ids == [video_id for video_id, _ in videos[:4]]


def test_other_settings_or_videos_are_decoded_anew(videos, tmp_path):
    shared_clips(videos, tmp_path / "a", SETTINGS, tmp_path / "store")
    assert not shared_clips(videos, tmp_path / "b", ClipSettings(frames=3, image_size=32), tmp_path / "store")[1]
    assert not shared_clips(videos[:3], tmp_path / "c", SETTINGS, tmp_path / "store")[1]


def test_a_file_that_was_mended_is_read_anew(videos, tmp_path):
    first, _ = shared_clips(videos, tmp_path / "a", SETTINGS, tmp_path / "store")
    (tmp_path / "broken.mp4").write_bytes(Path(videos[0][1]).read_bytes())
    second, found = shared_clips(videos, tmp_path / "b", SETTINGS, tmp_path / "store")
    assert ([video_id for video_id, _ in first], second, found) == (["broken"], [], False)
    assert len(ClipStore(tmp_path / "b").video_ids) == 5


def test_what_no_run_links_to_is_unused(videos, tmp_path):
    shared_clips(videos, tmp_path / "a", SETTINGS, tmp_path / "store")
    shared_clips(videos[:2], tmp_path / "b", SETTINGS, tmp_path / "store")
    assert unused(tmp_path / "store") == []
    (tmp_path / "b").unlink()
    (tmp_path / "store" / ".partial-x").mkdir()  # of a decoding that was killed
    left, lock, partial = unused(tmp_path / "store")
    assert len(ClipStore(left / CLIPS).video_ids) == 2
    assert lock.is_file()
    assert partial.name == ".partial-x"


def test_a_decoding_that_was_killed_leaves_nothing_that_passes_for_whole(videos, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(clip_cache, "write_clips", killed)
        shared_clips(videos, tmp_path / "a", SETTINGS, tmp_path / "store")
    _, found = shared_clips(videos, tmp_path / "a", SETTINGS, tmp_path / "store")
    assert not found
    assert len(ClipStore(tmp_path / "a").video_ids) == 4
