"""Decode every video once into the clip store that all trainings share."""

from kfp.dsl import Dataset, Input, Output

from components.base import component


@component()
def decode_clips(
    catalogue: Input[Dataset],
    clip_settings: str,
    modalities: list,
    validation: str,
    clip_store: str,
    parts: list,  # noqa: ARG001 - Kubeflow waits for what is an input
    clips: Output[Dataset],
    set_aside: Output[Dataset],
) -> None:
    """Videos that open but do not decode are set aside; more of them than the limit stop the run.

    Below ``clip_store`` clips are kept for other tasks with the same videos and clip settings: of a folder ``clips`` is
    a link to them; of a URL it says where each clip is, and what other pods decoded (``parts``, to be waited for) is
    found there. With '' they are in ``clips`` alone. Clips that are not stored (``clips.stored``) are decoded by the
    trainings instead. Where frames are not among the modalities nothing is decoded, and ``clips`` is empty.
    """
    from pathlib import Path

    import pandas as pd
    import pyarrow.parquet as pq

    from components.shared.progress import counter
    from corpus.settings import ValidationSettings
    from corpus.validation.raw_window import require_few_faults, write_set_aside
    from models.data.clip_cache import shared_clips
    from models.data.clip_shards import sharded_clips
    from models.data.clip_stream import write_sources
    from models.data.clips import write_clips
    from models.settings import ClipSettings

    settings = ClipSettings.model_validate_json(clip_settings)
    limit = ValidationSettings.model_validate_json(validation).faulty_share
    table, path = pq.read_table(catalogue.path, columns=["video_id", "media_uri"]), Path(clips.path)
    progress, found = counter("decoded", len(table)), False
    faults: list[tuple[str, str]] = []
    if settings.stored and "frames" in modalities and "://" in clip_store:
        faults, found = sharded_clips(Path(catalogue.path), path, settings, clip_store, progress)
    else:
        videos = list(zip(*table.to_pydict().values(), strict=True)) if "frames" in modalities else []
        if not settings.stored:
            write_sources(videos, path, settings)
        elif clip_store and videos:
            faults, found = shared_clips(videos, path, settings, Path(clip_store), progress)
        else:
            faults = write_clips(videos, path, settings, progress)
    print(f"{len(faults)} videos do not decode{'; all were decoded before' if found else ''}", flush=True)
    aside = pd.DataFrame(faults, columns=["video_id", "reason"], dtype="string")
    write_set_aside(aside, Path(set_aside.path), len(table))
    require_few_faults(aside, len(table), limit)
