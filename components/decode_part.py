"""Decode a part of the videos into the clip store, beside pods that decode the others."""

from kfp.dsl import Dataset, Input

from components.base import component


@component()
def decode_part(catalogue: Input[Dataset], clip_settings: str, clip_store: str, part: int, parts: int) -> int:
    """Returns how many videos the part has. ``decode_clips`` says where all clips are, and decodes what is missing."""
    from pathlib import Path

    from components.shared.progress import counter
    from models.data.clip_shards import have_shards, window_shards
    from models.settings import ClipSettings

    shards = window_shards(Path(catalogue.path))[part::parts]
    videos = sum(map(len, shards))
    settings = ClipSettings.model_validate_json(clip_settings)
    found = [known for _, known in have_shards(shards, settings, clip_store, counter("decoded", videos))]
    print(f"part {part + 1} of {parts}: {videos} videos; {sum(found)} of {len(found)} shards were there", flush=True)
    return videos
