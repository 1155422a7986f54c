"""Decode a part of the videos into the clip store, beside pods that decode the others."""

from kfp.dsl import Dataset, Input

from components.base import component


@component()
def decode_shard(catalogue: Input[Dataset], clip_settings: str, clip_store: str, shard: int, shards: int) -> int:
    """Returns how many videos the part has. ``decode_clips`` puts the parts together, and decodes what is missing."""
    from pathlib import Path

    import pandas as pd

    from components.shared.progress import counter
    from models.data import clip_cache
    from models.settings import ClipSettings

    rows = pd.read_parquet(catalogue.path, columns=["video_id", "media_uri"])
    videos = list(zip(rows.video_id, rows.media_uri, strict=True))
    part = len(clip_cache.shard_of(videos, shard, shards))
    settings, store = ClipSettings.model_validate_json(clip_settings), Path(clip_store)
    clip_cache.decode_shard(videos, settings, store, shard, shards, counter("decoded", part))
    print(f"part {shard + 1} of {shards}: {part} videos", flush=True)
    return part
