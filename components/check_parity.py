"""Serve the archive and compare its answers with the scores that were evaluated."""

from kfp.dsl import Artifact, Dataset, Input, Output

from components.base import component


@component()
def check_parity(
    archive: Input[Artifact],
    catalogue: Input[Dataset],
    scores: Input[Dataset],
    task: str,
    modalities: list,
    parity: Output[Artifact],
) -> None:
    """Stops the run if any answer differs: what would be served is not what was evaluated.

    Videos are sent only if frames are among the ``modalities``.
    """
    import json
    from pathlib import Path

    import pandas as pd

    from serving.parity import check_parity

    rows = pd.read_parquet(catalogue.path, columns=["video_id", "title", "overlay_text", "media_uri"])
    judged = pd.read_parquet(scores.path)
    if "frames" not in modalities:
        rows = rows.assign(media_uri=None)
    found = check_parity(Path(archive.path), task, rows, judged, Path(parity.path).with_name("torchserve"))
    Path(parity.path).write_text(json.dumps(found, indent=1))
    print(f"{found['videos']} videos: the largest difference is {found['largest_difference']:.1e}", flush=True)
