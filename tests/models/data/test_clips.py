"""Real files through the decoder: what is sampled, and every way in which a video can be bad."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from models.data.clips import ClipStore, MediaError, decode_clip, probe, write_clips
from models.settings import ClipSettings

SETTINGS = ClipSettings(frames=4, image_size=32)


def write_video(path: Path, greys: list[int], **container: str) -> Path:
    """An mp4 whose every frame is one grey."""
    with av.open(str(path), "w", **container) as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for grey in greys:
            picture = np.full((64, 64, 3), grey, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize("length", [4, 5, 8, 40, 97])
def test_frames_are_spread_evenly(tmp_path, length):
    greys = [round(200 * index / length) + 20 for index in range(length)]
    clip = decode_clip(str(write_video(tmp_path / "v.mp4", greys)), SETTINGS)
    assert clip.shape == (4, 32, 32, 3)
    assert clip.dtype == np.uint8
    seen = clip.mean((1, 2, 3))
    wanted = [200 * index / 4 + 20 for index in range(4)]
    assert np.abs(seen - wanted).max() <= max(200 / 16, 200 / length / 2) + 4  # and H.264's own error


def test_bytes_and_path_give_the_same_clip(tmp_path):
    path = write_video(tmp_path / "v.mp4", [10, 90, 170, 250])
    assert (decode_clip(str(path), SETTINGS) == decode_clip(path.read_bytes(), SETTINGS)).all()


def test_a_short_video_repeats_and_an_image_is_a_one_frame_video(tmp_path):
    assert decode_clip(str(write_video(tmp_path / "v.mp4", [50])), SETTINGS).shape[0] == 4
    Image.new("RGB", (40, 20), (200, 0, 0)).save(tmp_path / "image.png")
    assert decode_clip(str(tmp_path / "image.png"), SETTINGS)[..., 0].mean() == pytest.approx(200, abs=3)


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1_024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def bad_videos(folder: Path) -> dict[str, Path]:
    whole = write_video(folder / "whole.mp4", list(range(0, 240, 4)))
    content = whole.read_bytes()
    (folder / "truncated.mp4").write_bytes(content[: len(content) // 2])
    early = write_video(folder / "early.mp4", list(range(0, 240, 4)), options={"movflags": "faststart"})
    (folder / "cut_late.mp4").write_bytes(early.read_bytes()[:-1_500])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("not a video")
    sound_only(folder / "sound.mp4")
    return {path.stem: path for path in folder.glob("*.mp4") if path.stem not in ("whole", "early")}


def test_every_bad_video_is_a_media_error_with_a_reason(tmp_path):
    bad = bad_videos(tmp_path)
    assert set(bad) == {"truncated", "cut_late", "empty", "text", "sound"}
    for path in [*bad.values(), tmp_path / "missing.mp4"]:
        with pytest.raises(MediaError) as caught:
            decode_clip(str(path), SETTINGS)
        assert str(caught.value)
    for source in (b"", b"not a video"):
        with pytest.raises(MediaError):
            decode_clip(source, SETTINGS)


def test_a_playlist_is_no_video_whatever_it_is_called(tmp_path):
    write_video(tmp_path / "other.mp4", [10] * 5)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    for source in (str(tmp_path / "list.mp4"), (tmp_path / "list.mp4").read_bytes()):
        with pytest.raises(MediaError):
            decode_clip(source, SETTINGS)


def test_a_video_longer_than_the_limit_is_refused(tmp_path):
    path = write_video(tmp_path / "v.mp4", [0] * 30)
    with pytest.raises(MediaError, match="longer than 20 frames"):
        decode_clip(str(path), ClipSettings(frames=2, image_size=32, longest_video=20))


def test_probe_decodes_nothing_but_sees_what_cannot_be_opened(tmp_path):
    bad = bad_videos(tmp_path)
    probe(str(tmp_path / "whole.mp4"))
    for name in ("truncated", "empty", "text", "sound"):
        with pytest.raises(MediaError):
            probe(str(bad[name]))


def test_the_store_keeps_good_clips_and_names_bad_ones(tmp_path):
    good = {f"v{n}": str(write_video(tmp_path / f"{n}.mp4", [n * 3] * 5)) for n in range(70)}
    videos = [*good.items(), ("bad", str(tmp_path / "missing.mp4"))]
    faults = write_clips(videos, tmp_path / "clips.arrow", SETTINGS)
    assert faults == [("bad", "the video file does not exist")]
    store = ClipStore(tmp_path / "clips.arrow")
    assert "bad" not in store
    frames = store.frames(["v69", "v0", "v33"])
    assert frames[:, 0].mean((1, 2, 3)) == pytest.approx([207, 0, 99], abs=6)
    assert (frames[1] == decode_clip(good["v0"], SETTINGS)).all()
