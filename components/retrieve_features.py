"""Retrieve each video's privileged features as of its label time, from Feast."""

from typing import NamedTuple

from kfp.dsl import Artifact, Dataset, Input, Output

from components.base import component


@component()
def retrieve_features(
    corpus: str,
    task: str,
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
    """``privileged`` is a folder of Parquet files: video_id and the dense features, for the teacher's steps alone.

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

    def tell(line: str) -> None:
        print(line, flush=True)

    rows = pq.read_metadata(catalogue.path).num_rows
    started = time.perf_counter()
    source, where = Path(corpus), Path(checkpoints) if checkpoints else None
    with kept_folder(where, source, task, Path(catalogue.path), Path(privileged.path)) as folder:
        count = retrieve_features(source, task, Path(catalogue.path), folder, feature_registry, feature_profile, tell)
    seconds = time.perf_counter() - started
    print(f"{count} features of {rows} videos", flush=True)
    retrieve_features(
        source, task, Path(previous.path), Path(previous_privileged.path), feature_registry, feature_profile
    )
    found = view_times(source, task, Path(catalogue.path), datetime.fromisoformat(window_end))
    Path(times.path).write_text(json.dumps(found, indent=1))
    return (1_000 * seconds / max(rows, 1),)
