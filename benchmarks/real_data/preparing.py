"""Which real data is prepared before it is imported, and how."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks.real_data import caption_votes, kuaimod
from corpus.importing.sources import column_of, read_source

Tables = dict[str, pd.DataFrame]
# By the name of the data's folder and of its mapping: the columns it has, and items and a seed to tables by name.
PREPARATIONS: dict[str, tuple[tuple[str, ...], Callable[[pd.DataFrame, int], Tables]]] = {
    "caption_votes": (caption_votes.COLUMNS, caption_votes.caption_tables),
    "kuaimod": (kuaimod.COLUMNS, kuaimod.kuaimod_tables),
}


def prepare(name: str, source: Path, target: Path, seed: int) -> None:
    """Write the Parquet files that ``examples/NAME.yaml`` reads to the folder ``target``.

    Raises:
        CorpusError: there is no items.parquet in ``source``, or it lacks a column or votes.
    """
    columns, tables_of = PREPARATIONS[name]
    items = read_source(source / "items.parquet")
    for column in columns:
        column_of(items, column, str(source / "items.parquet"))
    target.mkdir(parents=True, exist_ok=True)
    for table, rows in tables_of(items, seed).items():
        rows.to_parquet(target / f"{table}.parquet", index=False)
