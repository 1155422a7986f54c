"""Cut the window out of the corpus: which videos count, their labels, their side of the split."""

from typing import NamedTuple

from kfp.dsl import Artifact, Dataset, Output

from components.base import component


@component()
def select_window(
    corpus: str,
    labels: str,
    classes: list,
    window_end: str,
    months: int,
    window: str,
    folds: int,
    seed: int,
    snapshot: str,
    previous_videos: int,
    catalogue: Output[Dataset],
    previous: Output[Dataset],
    facts: Output[Artifact],
) -> NamedTuple("Window", window_start=str):  # type: ignore[valid-type]
    """``facts`` says what the run is a function of, but for settings and code version.

    ``labels`` is the corpus's name for the task's labels: tasks that share it share this step in a cache. ``snapshot``
    is the digest of the tables the run was started for ('' where nobody knows it yet): it makes the step's cache see
    changed data, and the step refuse it if it changed since. ``window_start`` is that of the earliest rows that may be
    there. ``previous`` holds that many videos of the window before, to compare features with.
    """
    import json
    from datetime import datetime
    from pathlib import Path

    from corpus.contract import CorpusError, read_manifest, snapshot_id
    from corpus.settings import WindowSettings
    from corpus.window import previous_window, window_start, write_window

    folder = Path(corpus)
    manifest, found = read_manifest(folder), snapshot_id(folder)
    if snapshot and found != snapshot:
        raise CorpusError(f"the corpus {corpus} changed since the run was started ({snapshot} is now {found})")
    end = datetime.fromisoformat(window_end)
    start, settings = window_start(end, months), WindowSettings.model_validate_json(window)
    target = Path(catalogue.path)
    counts = write_window(target, folder, labels, tuple(classes), start, end, settings, folds, seed)
    previous_window(folder, labels, start, months, previous_videos, seed).to_parquet(previous.path, index=False)
    print(f"{sum(counts.values())} videos in [{start:%Y-%m-%d}, {end:%Y-%m-%d}): {counts}", flush=True)
    told = {
        "corpus": manifest.model_dump(exclude={"dense"}),
        "window_start": start.isoformat(),
        "window_end": end.isoformat(),
        "snapshot": found,
        "seed": seed,
        "videos": counts,
    }
    Path(facts.path).write_text(json.dumps(told, indent=1))
    return (window_start(start, settings.pooled_months).isoformat(),)
