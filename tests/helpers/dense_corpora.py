"""Corpora of dense tables alone, as the feature repository reads them."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from common.dense_table import DenseTable, Feature

MOTION = DenseTable(owner="somebody", features={"flow_mean": Feature(), "flow_max": Feature()})
REPORTS = DenseTable(features={"reports": Feature(minimum=0), "reporters": Feature(minimum=0)})


def declare(corpus: Path, tables: Mapping[str, DenseTable]) -> Path:
    """Write corpus.json with these declarations; the tables themselves are the caller's."""
    corpus.mkdir(parents=True, exist_ok=True)
    declared = {name: table.model_dump() for name, table in tables.items()}
    (corpus / "corpus.json").write_text(json.dumps({"dense": declared}))
    return corpus


def motion_corpus(folder: Path, frame: pd.DataFrame) -> Path:
    """A corpus with one dense table, motion, of these rows; features that they lack are zero."""
    declare(folder, {"motion": MOTION})
    (folder / "dense" / "motion").mkdir(parents=True)
    names = list(MOTION.features)
    table = pa.Table.from_pandas(frame.assign(**{name: frame.get(name, 0.0) for name in names}), preserve_index=False)
    fields = [pa.field(f.name, pa.float32() if f.name in names else f.type) for f in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), folder / "dense" / "motion" / "a.parquet")
    return folder
