"""Which real data is prepared before it is imported, and how."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks.real_data.caption_votes import caption_tables
from benchmarks.real_data.kuaimod import kuaimod_tables
from corpus.contract import CorpusError
from corpus.importing.sources import read_source

# By the name of the folder of the data and of its mapping: items.parquet and a seed to tables by name.
PREPARATIONS: dict[str, Callable[[pd.DataFrame, int], dict[str, pd.DataFrame]]] = {
    "caption_votes": caption_tables,
    "kuaimod": kuaimod_tables,
}


def prepare(name: str, source: Path, target: Path, seed: int) -> None:
    """Write the Parquet files that ``examples/NAME.yaml`` reads to the folder ``target``.

    Raises:
        CorpusError: there is no items.parquet in ``source``, or it lacks a column.
    """
    items = read_source(source / "items.parquet")
    try:
        tables = PREPARATIONS[name](items, seed)
    except KeyError as error:
        raise CorpusError(f"{source / 'items.parquet'} is not the data of {name}: it has no column {error}") from error
    target.mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        rows.to_parquet(target / f"{table}.parquet", index=False)
