"""A simulated corpus of tables without media: the scale of a real one in minutes, for what reads tables only.

The causes, labels and views are those of the rendered simulation in simpler words; the corpus is written a range of
videos at a time, so that memory does not grow with their number.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb

from common.sql import literal
from corpus.contract import Manifest, new_corpus
from corpus.simulation import statements
from corpus.simulation.causes import SimulationSettings
from corpus.simulation.declarations import DENSE
from corpus.simulation.random_sql import Draws
from corpus.simulation.simulate import made_by

VIDEOS_A_FILE = 500_000  # at once in memory
MEMORY = "1500MB"  # of DuckDB: holds the causes of so many videos, on a laptop beside other work


def simulate_tables(
    target: Path, settings: SimulationSettings, replace: bool = False, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Write the corpus to ``target``; it appears there only when it is whole. ``media_uri`` is null throughout.

    Args:
        progress: called with the number of videos that are written.

    Raises:
        CorpusError: ``target`` exists and ``replace`` is off, or it is no corpus.
    """
    manifest = Manifest(
        name=target.name,
        simulated=True,
        made_by=f"{made_by(settings)} --tables-only",
        description="Simulated, tables only: texts, labels and dense features drawn from known causes, without media.",
        dense=DENSE,
    )
    with (
        new_corpus(target, manifest, replace) as folder,
        tempfile.TemporaryDirectory(dir=folder) as spill,
        connect(Path(spill)) as connection,
    ):
        tables = table_statements(settings.seed)
        for table in tables:
            (folder / table).mkdir(parents=True)
        for number, low in enumerate(range(0, settings.videos, VIDEOS_A_FILE)):
            high = min(low + VIDEOS_A_FILE, settings.videos)
            connection.execute(statements.causes(settings, low, high))
            for table, statement in tables.items():
                file = literal(str(folder / table / f"{number:05d}.parquet"))
                connection.execute(f"COPY ({statement}) TO {file} (FORMAT parquet)")
            progress(high)


def table_statements(seed: int) -> dict[str, str]:
    """What is written to each table, by its folder in the corpus; a query of the causes of the videos at hand."""
    draws = Draws(seed)
    return {
        "videos": statements.videos(draws),
        "labels": statements.labels(),
        **{f"dense/{view}": statements.dense(view, draws) for view in statements.OBSERVED},
        "dense/canary": statements.canary(draws),
    }


def connect(spill: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own that writes to ``spill`` what memory does not hold."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    connection.execute(f"SET temp_directory = {literal(str(spill))}")
    return connection
