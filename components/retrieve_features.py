"""Retrieve each video's privileged features as of its label time, from Feast."""

from kfp.dsl import Dataset, Input, Output

from components.base import component


@component()
def retrieve_features(
    corpus: str, task: str, feature_registry: str, catalogue: Input[Dataset], privileged: Output[Dataset]
) -> None:
    """``privileged`` holds video_id and the dense features; only the teacher's components receive it."""
    from pathlib import Path

    import pandas as pd
    import pyarrow.parquet as pq

    from feature_repo.retrieval import retrieve_features

    rows = pd.read_parquet(catalogue.path, columns=["video_id", "as_of"])
    table = retrieve_features(Path(corpus), task, rows, feature_registry)
    pq.write_table(table, privileged.path)
    print(f"{table.num_columns - 1} features of {table.num_rows} videos", flush=True)
