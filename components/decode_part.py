"""Decode a part of the videos into the clip store, beside pods that decode the others."""

from kfp.dsl import Dataset, Input

from components.base import component


@component()
def decode_part(catalogue: Input[Dataset], clip_settings: str, clip_store: str, part: int, parts: int) -> int:
    """Returns how many videos the part has. ``decode_clips`` says where all clips are, and decodes what is missing."""
    from pathlib import Path

    import pyarrow.parquet as pq

    from components.shared.progress import counter, part_done
    from models.data.clip_shards import have_shards, window_shards
    from models.settings import ClipSettings

    settings = ClipSettings.model_validate_json(clip_settings)
    about = pq.read_metadata(catalogue.path).num_rows // parts
    shards = window_shards(Path(catalogue.path), part, parts)
    had = list(have_shards(shards, settings, clip_store, counter("decoded", about)))
    videos = sum(len(shard.starts) + len(shard.faults) for shard, _ in had)
    return part_done(part, parts, videos, [found for _, found in had])
