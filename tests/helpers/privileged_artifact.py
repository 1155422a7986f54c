"""A privileged artifact as the retrieval leaves it, from a table of any features."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_privileged(
    folder: Path, table: pa.Table, described: Mapping[str, Mapping[str, str]] | None = None, parts: int = 1
) -> Path:
    """Parts and ``_features.json``; what is not ``described`` of the table's features is of no view and any range."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in range(parts):
        pq.write_table(
            table.take(pa.array(range(part, len(table), parts), pa.int64())), folder / f"part-{part:05}.parquet"
        )
    features = [name for name in table.column_names if name not in ("video_id", "event_timestamp")]
    listed = {name: {"view": "", **(described or {}).get(name, {})} for name in features}
    (folder / "_features.json").write_text(json.dumps({"features": listed}))
    return folder
