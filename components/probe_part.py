"""Open a part of the window's videos, beside pods that open the others."""

from kfp.dsl import Dataset, Input

from components.base import component


@component()
def probe_part(catalogue: Input[Dataset], clip_store: str, part: int, parts: int) -> int:
    """Returns how many videos the part has. ``validate_data`` finds in ``clip_store`` what was seen of them."""
    from pathlib import Path

    import pandas as pd

    from components.shared.progress import counter, part_done
    from corpus.validation.media import media_shards, probed_shards
    from models.data.clips import probe

    rows = pd.read_parquet(Path(catalogue.path), columns=["media_uri", "published_at"])
    had = list(probed_shards(media_shards(rows, part, parts), clip_store, probe, counter("probed", len(rows) // parts)))
    return part_done(part, parts, sum(len(facts) for facts, _ in had), [found for _, found in had])
