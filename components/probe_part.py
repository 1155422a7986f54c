"""Open a part of the window's videos, beside pods that open the others."""

from kfp.dsl import Dataset, Input

from components.base import component


@component()
def probe_part(catalogue: Input[Dataset], clip_store: str, part: int, parts: int) -> int:
    """Returns how many videos the part has. ``validate_data`` finds in ``clip_store`` what was seen of them."""
    from pathlib import Path

    import pandas as pd

    from components.shared.progress import counter
    from corpus.validation.media import media_shards, probed_shards
    from models.data.clips import probe

    rows = pd.read_parquet(Path(catalogue.path), columns=["media_uri", "published_at"])
    shards = media_shards(rows)[part::parts]
    videos = sum(map(len, shards))
    found = [known for _, known in probed_shards(shards, clip_store, probe, counter("probed", videos))]
    print(f"part {part + 1} of {parts}: {videos} videos; {sum(found)} of {len(found)} shards were there", flush=True)
    return videos
