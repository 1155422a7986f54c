"""Simulated videos: real H.264 files whose moving content shows what a video's latent state says."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 96  # small, so that thousands are rendered in a minute; a caption can still be read
RATE = 12  # enough for the flash of alarm to flicker


@dataclass(frozen=True)
class Scene:
    """What is to be seen. ``alarm`` and ``flaws`` are strengths in [0, 1]; ``motif`` picks shape and colour."""

    seed: int
    motif: int
    alarm: float
    flaws: float
    frames: int
    overlay_text: str


def render(scene: Scene, path: Path) -> None:
    """Encode a scene as H.264 in an mp4 file of SIZE x SIZE pixels at RATE frames a second."""
    random = np.random.default_rng(scene.seed)
    start, drift = random.uniform(0, 2 * np.pi, 2), random.uniform(0.08, 0.22, 2)
    caption = _caption(scene.overlay_text)
    grain = random.normal(0, 3 + 24 * scene.flaws, (SIZE, SIZE, 1)).astype(np.float32)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "30"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for index in range(scene.frames):
            picture = _picture(scene, start + drift * index, index, grain)
            picture = np.where(caption[..., None] > 0, caption[..., None], picture).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


_GRID = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, SIZE, dtype=np.float32)]), axis=-1)
_COLOURS = np.array([[70, 160, 70], [150, 70, 170], [200, 140, 60], [60, 110, 200], [60, 170, 170]], np.float32)


def _picture(scene: Scene, phase: np.ndarray, index: int, grain: np.ndarray) -> np.ndarray:
    """One RGB frame: a drifting background, the motif, a red flash for alarm, grain and darkness for flaws."""
    x, y = _GRID[..., 0], _GRID[..., 1]
    colour = _COLOURS[scene.motif % len(_COLOURS)]
    waves = 0.75 + 0.25 * np.sin(4 * x * np.cos(phase[0]) + 4 * y * np.sin(phase[0]) + phase[1])
    picture = colour * waves[..., None]
    centre = 0.45 * np.array([np.cos(phase[0]), np.sin(phase[1])])
    picture[_shape(scene.motif, x - centre[0], y - centre[1])] = 255 - colour / 2
    flash = 0.5 + 0.5 * np.sin(2.1 * index + phase[1])
    radius = np.hypot(x + centre[0], y + centre[1])
    red = (scene.alarm * flash * np.exp(-((radius / 0.35) ** 2)))[..., None]
    picture = picture * (1 - red) + np.array([255.0, 20.0, 10.0]) * red
    picture = picture * (1 - 0.55 * scene.flaws) + np.roll(grain, (7 * index, 3 * index), (0, 1))
    return np.clip(picture, 0, 255)


def _shape(motif: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    match motif % len(_COLOURS):
        case 0:
            return np.hypot(x, y) < 0.28
        case 1:
            return (np.abs(x) < 0.3) & (np.abs(np.sin(14 * x)) > 0.6) & (np.abs(y) < 0.3)
        case 2:
            return (np.hypot(x, y) < 0.32) & (np.hypot(x, y) > 0.18)
        case 3:
            return (np.abs(x) < 0.24) & (np.abs(y) < 0.24)
        case _:
            return (y < 0.28) & (y > 2.2 * np.abs(x) - 0.3)


def _caption(text: str) -> np.ndarray:
    """The overlay text as a mask of grey values, 0 where the video shows through."""
    image = Image.new("L", (SIZE, SIZE))
    if text:
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, SIZE - 16, SIZE, SIZE), fill=8)
        draw.text((2, SIZE - 15), text[:24], fill=255, font=ImageFont.load_default(10))
    return np.asarray(image)


def spoil(path: Path, how: str) -> None:
    """Make a video as broken as real ones are: ``truncated``, ``empty`` or ``not_a_video``."""
    if how == "truncated":
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 3])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_text("this is not a video\n")


def duplicate(original: Path, copy: Path) -> None:
    """The same bytes under another name, as when a video is uploaded again."""
    shutil.copyfile(original, copy)
