"""Retrieve each video's privileged features as of its label time, from Feast."""

from typing import NamedTuple

from kfp.dsl import Dataset, Input, Output

from components.base import component


@component()
def retrieve_features(
    corpus: str, task: str, feature_registry: str, catalogue: Input[Dataset], privileged: Output[Dataset]
) -> NamedTuple("Retrieved", milliseconds=float):  # type: ignore[valid-type]
    """``privileged`` holds video_id and the dense features; only the teacher's components receive it.

    ``milliseconds`` is what the retrieval took a video.
    """
    import time
    from pathlib import Path

    import pandas as pd
    import pyarrow.parquet as pq

    from feature_repo.retrieval import retrieve_features

    rows = pd.read_parquet(catalogue.path, columns=["video_id", "as_of"])
    started = time.perf_counter()
    table = retrieve_features(Path(corpus), task, rows, feature_registry)
    seconds = time.perf_counter() - started
    pq.write_table(table, privileged.path)
    print(f"{table.num_columns - 1} features of {table.num_rows} videos", flush=True)
    return (1_000 * seconds / max(len(rows), 1),)
