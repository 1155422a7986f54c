"""Clips that are not stored: decoded each time they are read, by whatever process reads them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from common.files import whole
from models.data.clips import Clips, MediaError, decode_clip
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


class ClipStream(Clips):
    """Clips by where their videos are. A video that does not decode has black frames, and is named."""

    column = "source"

    def frames(self, video_ids: Iterable[str]) -> np.ndarray:
        return np.stack([self._clip(video_id) for video_id in video_ids])

    def _clip(self, video_id: str) -> np.ndarray:
        try:
            return decode_clip(self.table["source"][self.rows[video_id]].as_py(), self.settings)
        except MediaError as error:
            print(f"{video_id} is read as black frames: {error}", flush=True)
            return np.zeros(self.shape, np.uint8)
