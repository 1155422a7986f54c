"""Clips that are not stored: decoded each time they are read, by whatever process reads them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from common.files import whole
from models.data.clips import MediaError, decode_clip
from models.settings import ClipSettings


def write_sources(videos: Iterable[tuple[str, str]], path: Path, settings: ClipSettings) -> None:
    """Write where each video is, in the place of its clip; the file appears only when it is whole."""
    pairs = list(videos)
    schema = pa.schema(
        [("video_id", pa.string()), ("source", pa.string())], metadata={"clip_settings": settings.model_dump_json()}
    )
    table = pa.table([[key for key, _ in pairs], [source for _, source in pairs]], schema=schema)
    with whole(path) as partial, pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(table)


class ClipStream:
    """Access to clips as a ClipStore gives it. A video that does not decode has black frames, and is named."""

    def __init__(self, path: Path) -> None:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self.settings = ClipSettings.model_validate_json(table.schema.metadata[b"clip_settings"])
        self.video_ids: list[str] = table["video_id"].to_pylist()
        self._sources = dict(zip(self.video_ids, table["source"].to_pylist(), strict=True))

    def __contains__(self, video_id: str) -> bool:
        return video_id in self._sources

    def frames(self, video_ids: Iterable[str]) -> np.ndarray:
        """uint8 array (videos, frames, height, width, 3) of the named videos, in the order given."""
        return np.stack([self._clip(video_id) for video_id in video_ids])

    def _clip(self, video_id: str) -> np.ndarray:
        try:
            return decode_clip(self._sources[video_id], self.settings)
        except MediaError as error:
            print(f"{video_id} is read as black frames: {error}", flush=True)
            size = self.settings.image_size
            return np.zeros((self.settings.frames, size, size, 3), np.uint8)
