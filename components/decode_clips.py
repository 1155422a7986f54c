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
    rows = pd.read_parquet(catalogue.path, columns=["video_id", "media_uri"])
    videos = list(zip(rows.video_id, rows.media_uri, strict=True)) if "frames" in modalities else []
    faults: list[tuple[str, str]] = []
    if not settings.stored:
        write_sources(videos, Path(clips.path), settings)
    elif clip_store and videos:
        progress = counter("decoded", len(rows))
        if "://" in clip_store:
            faults, found = sharded_clips(Path(catalogue.path), Path(clips.path), settings, clip_store, progress)
        else:
            faults, found = shared_clips(videos, Path(clips.path), settings, Path(clip_store), progress)
        print(f"{len(videos) - len(faults)} clips{', decoded before' if found else ''}", flush=True)
    else:
        faults = write_clips(videos, Path(clips.path), settings, counter("decoded", len(rows)))
    aside = pd.DataFrame(faults, columns=["video_id", "reason"], dtype="string")
    write_set_aside(aside, Path(set_aside.path), len(rows))
    require_few_faults(aside, len(rows), limit)
