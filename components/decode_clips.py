"""Decode every video once into the clip store that all trainings share."""

from kfp.dsl import Dataset, Input, Output

from components.base import component


@component()
def decode_clips(
    catalogue: Input[Dataset], recipe: str, validation: str, clips: Output[Dataset], set_aside: Output[Dataset]
) -> None:
    """Videos that open but do not decode are set aside; more of them than the limit stop the run.

    Clips that are not stored (``clips.stored``) are decoded by the trainings instead. Where frames are not among
    the modalities nothing is decoded, and ``clips`` is empty.
    """
    from pathlib import Path

    import pandas as pd

    from components.output import counter
    from corpus.settings import ValidationSettings
    from corpus.validation.raw_window import require_few_faults, write_set_aside
    from models.data.clip_stream import write_sources
    from models.data.clips import write_clips
    from models.training.settings import Recipe

    settings = Recipe.model_validate_json(recipe)
    limit = ValidationSettings.model_validate_json(validation).faulty_share
    rows = pd.read_parquet(catalogue.path, columns=["video_id", "media_uri"])
    videos = zip(rows.video_id, rows.media_uri, strict=True) if "frames" in settings.modalities else ()
    faults: list[tuple[str, str]] = []
    if settings.clips.stored:
        faults = write_clips(videos, Path(clips.path), settings.clips, counter("decoded", len(rows)))
    else:
        write_sources(videos, Path(clips.path), settings.clips)
    aside = pd.DataFrame(faults, columns=["video_id", "reason"], dtype="string")
    write_set_aside(aside, Path(set_aside.path), len(rows))
    require_few_faults(aside, len(rows), limit)
