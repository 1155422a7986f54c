"""Retrieve each video's privileged features as of its label time, from Feast."""

from typing import NamedTuple

from kfp.dsl import Artifact, Dataset, Input, Output

from components.base import component


@component()
def retrieve_features(
    corpus: str,
    task: str,
    features: list,
    feature_registry: str,
    feature_profile: str,
    window_end: str,
    checkpoints: str,
    catalogue: Input[Dataset],
    previous: Input[Dataset],
    privileged: Output[Dataset],
    previous_privileged: Output[Dataset],
    times: Output[Artifact],
) -> NamedTuple("Retrieved", milliseconds=float):  # type: ignore[valid-type]
    """``features`` are the dense tables that the task's teacher may see, ``task`` the name of their service.

    ``privileged`` is a folder of Parquet files: video_id and the dense features, for the teacher's steps alone.

    ``previous_privileged`` is the same of the previous window's videos, and ``times`` says how late each view's
    values come. ``milliseconds`` is what the retrieval took a video. What a stopped run retrieved is kept in
    ``checkpoints`` ('' for nowhere) and gone on with.
    """
    import json
    import time
    from datetime import datetime
    from pathlib import Path

    import pyarrow.parquet as pq

    from feature_repo.retrieval import kept_folder, retrieve_features
    from feature_repo.timing import view_times

    def log(line: str) -> None:
        print(line, flush=True)

    rows = pq.read_metadata(catalogue.path).num_rows
    started = time.perf_counter()
    source, where = Path(corpus), Path(checkpoints) if checkpoints else None
    asked, place = (source, task, features), (feature_registry, feature_profile)
    with kept_folder(where, *asked, Path(catalogue.path), Path(privileged.path)) as folder:
        count = retrieve_features(*asked, Path(catalogue.path), folder, *place, log)
    seconds = time.perf_counter() - started
    print(f"{count} features of {rows} videos", flush=True)
    retrieve_features(*asked, Path(previous.path), Path(previous_privileged.path), *place)
    found = view_times(source, features, Path(catalogue.path), datetime.fromisoformat(window_end))
    Path(times.path).write_text(json.dumps(found, indent=1))
    return (1_000 * seconds / max(rows, 1),)
