"""Videos to clips: decode once, sample frames evenly, keep them in one memory-mapped Arrow file."""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import av
import fsspec
import numpy as np
import pyarrow as pa
from av.video.reformatter import Interpolation

from common.errors import UserError
from common.files import whole
from models.settings import ClipSettings

WRITE_BATCH = 64  # clips a record batch: some 80 MB of 8 frames at 224 pixels, so that memory stays small
# Frames held while a video's length is not known, for each that is wanted: the nearest held one is then at most a
# quarter of a segment away.
HELD = 4
# Containers may declare a few frames more than there are; one that lacks a tenth was cut off.
LEAST_SHARE = 0.9
# Formats that hold their own content. FFmpeg also reads playlists, through which a video could name other files.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,mpegvideo,asf,ogg,h264,hevc,gif,apng,"
    "png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,image2,mp3,wav,aac"
)


class MediaError(UserError):
    """A video that cannot become a clip. The message says why, without the video's name."""


def open_media(source: str | bytes) -> Any:
    """What PyAV can open: bytes as a stream, a URL through fsspec, anything else as a local path."""
    if isinstance(source, bytes):
        if not source:
            raise MediaError("the video has zero bytes")
        return io.BytesIO(source)
    if "://" in source:
        return fsspec.open(source, "rb").open()
    path = Path(source)
    if not path.is_file():
        raise MediaError("the video file does not exist")
    if path.stat().st_size == 0:
        raise MediaError("the video has zero bytes")
    return source


@contextmanager
def open_container(source: str | bytes) -> Iterator[Any]:
    """The opened container. Raises MediaError for whatever is wrong with it, and OSError where a bucket does not
    answer: that is no fault of the video.
    """
    try:
        media = open_media(source)
        with (
            media if hasattr(media, "close") else nullcontext(),
            av.open(media, options={"format_whitelist": FORMATS}, metadata_errors="ignore") as container,
        ):
            if not container.streams.video:
                raise MediaError("no video stream in the file")
            yield container
    except (av.error.FFmpegError, OSError) as error:
        remote = isinstance(source, str) and "://" in source
        if remote and not isinstance(error, av.error.FFmpegError | FileNotFoundError):
            raise
        raise MediaError(f"not a readable video ({_reason(error)})") from error


def probe(source: str | bytes) -> None:
    """Raise MediaError unless the container opens and holds a video stream. Decodes nothing."""
    with open_container(source):
        pass


def decode_clip(source: str | bytes, settings: ClipSettings) -> np.ndarray:
    """Decode a video once, front to back, into a clip of evenly spaced frames.

    Frame counts in containers are often wrong, so none is trusted: frames are kept at a stride that doubles
    whenever four times the wanted number is held, and those nearest to the starts of ``frames`` equal segments
    are taken. Memory stays bounded whatever the length. An image counts as a
    one-frame video; a short video repeats its frames.

    Returns:
        uint8 array (frames, image_size, image_size, 3), RGB, resized without cropping.

    Raises:
        MediaError: unreadable, truncated, too long, or without frames.
    """
    kept: list[np.ndarray] = []
    stride, count, declared = 1, 0, 0
    size = settings.image_size
    with open_container(source) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"
        declared = stream.frames
        for count, frame in enumerate(container.decode(stream), start=1):
            if count > settings.longest_video:
                raise MediaError(f"longer than {settings.longest_video} frames")
            if (count - 1) % stride == 0:
                if len(kept) == HELD * settings.frames:
                    kept, stride = kept[::2], 2 * stride
                kept.append(_resized(frame, size))
    if not kept:
        raise MediaError("no frames in the video")
    if count < LEAST_SHARE * declared:
        raise MediaError(f"truncated: {count} of {declared} frames decode")
    starts = [index * count / settings.frames for index in range(settings.frames)]
    return np.stack([kept[min(round(start / stride), len(kept) - 1)] for start in starts])


def _resized(frame: av.VideoFrame, size: int) -> np.ndarray:
    return frame.reformat(size, size, "rgb24", interpolation=Interpolation.BICUBIC).to_ndarray()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def write_clips(
    videos: Iterable[tuple[str, str]],
    path: Path,
    settings: ClipSettings,
    progress: Callable[[int], None] = lambda _: None,
) -> list[tuple[str, str]]:
    """Decode (video_id, source) pairs on all cores into one Arrow file, in the order given.

    The file appears under ``path`` only when it is whole.

    Returns:
        (video_id, reason) of the videos that could not be decoded.
    """

    def decode(video: tuple[str, str]) -> tuple[str, np.ndarray | MediaError]:
        try:
            return video[0], decode_clip(video[1], settings)
        except MediaError as error:
            return video[0], error

    width = settings.frames * settings.image_size**2 * 3
    schema = pa.schema(
        [("video_id", pa.string()), ("frames", pa.binary(width))],
        metadata={"clip_settings": settings.model_dump_json()},
    )
    faults: list[tuple[str, str]] = []
    with (
        whole(path) as partial,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        pa.OSFile(str(partial), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        done = 0
        for batch in _batches(pool.map(decode, videos)):
            good = [(key, clip) for key, clip in batch if isinstance(clip, np.ndarray)]
            faults += [(key, str(error)) for key, error in batch if isinstance(error, MediaError)]
            frames = pa.array([clip.tobytes() for _, clip in good], pa.binary(width))
            writer.write_batch(pa.record_batch([pa.array([key for key, _ in good], pa.string()), frames], schema))
            done += len(batch)
            progress(done)
    return faults


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == WRITE_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class Clips:
    """Random access to clips by video. ``column`` of the Arrow file says where they are: in it, or elsewhere."""

    column: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self.settings = ClipSettings.model_validate_json(self.table.schema.metadata[b"clip_settings"])
        self.video_ids: list[str] = self.table["video_id"].to_pylist()
        self.rows = {video_id: row for row, video_id in enumerate(self.video_ids)}

    def __contains__(self, video_id: str) -> bool:
        return video_id in self.rows

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of a clip: frames, height, width, 3."""
        return (self.settings.frames, self.settings.image_size, self.settings.image_size, 3)

    def frames(self, video_ids: Iterable[str]) -> np.ndarray:
        """uint8 array (videos, frames, height, width, 3) of the named videos, in the order given."""
        raise NotImplementedError


class ClipStore(Clips):
    """The clips of one file, without loading it: frames stay on disk until asked for."""

    column = "frames"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        chunks = self.table["frames"].chunks
        self._chunks = [np.frombuffer(chunk.buffers()[1], np.uint8).reshape(-1, *self.shape) for chunk in chunks]
        self._ends = np.cumsum([len(chunk) for chunk in chunks])

    def frames(self, video_ids: Iterable[str]) -> np.ndarray:
        rows = np.array([self.rows[video_id] for video_id in video_ids])
        chunks = np.searchsorted(self._ends, rows, side="right")
        return np.stack([self._chunks[c][row - self._ends[c]] for c, row in zip(chunks, rows, strict=True)])
