"""Decoded clips that several tasks of a machine share: the same videos and clip settings are decoded once."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from common.files import locked, whole
from common.shards import Videos, videos_digest
from common.source import code_digest
from models.data.clips import write_clips
from models.settings import ClipSettings

CLIPS, FAULTS = "clips.arrow", "faults.json"
Faults = list[tuple[str, str]]


def shared_clips(
    videos: Videos,
    path: Path,
    settings: ClipSettings,
    store: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Faults, bool]:
    """As ``write_clips``, but what ``store`` holds for these videos and settings is taken from there.

    A video whose local file has another size or time of writing is another video: a file that was mended is read anew.
    ``path`` becomes a hard link to the file in the store where the file system allows it, else a copy.

    Returns:
        (video_id, reason) of the videos that could not be decoded, and whether the clips were in the store.
    """
    kept = store / videos_digest(videos, made_by(settings))
    store.mkdir(parents=True, exist_ok=True)
    with locked(store / f"{kept.name}.lock"):
        found = kept.is_dir()
        if not found:
            with whole(kept) as partial:
                partial.mkdir()
                faults = write_clips(videos, partial / CLIPS, settings, progress)
                (partial / FAULTS).write_text(json.dumps(faults))
    path.unlink(missing_ok=True)
    try:
        os.link(kept / CLIPS, path)
    except OSError:
        shutil.copyfile(kept / CLIPS, path)
    return [(video_id, reason) for video_id, reason in json.loads((kept / FAULTS).read_text())], found


def unused(store: Path) -> list[Path]:
    """What the store holds and no run links to any more; for copies, and on file systems without links, all of it.

    Also what a killed decoding left. Nothing may be decoding meanwhile.
    """
    left = [clips.parent for clips in sorted(store.glob(f"*/{CLIPS}")) if clips.stat().st_nlink == 1]
    return [*left, *(store / f"{each.name}.lock" for each in left), *sorted(store.glob(".*"))]


def made_by(settings: ClipSettings) -> str:
    """What clips are made by beside their videos: the settings, and the code that decodes."""
    return f"{settings.model_dump_json()} {code_digest('models.data.clips')}"
