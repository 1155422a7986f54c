"""The tables that ``benchmarks.features`` measures on: simulated corpora without media, and long histories."""

from pathlib import Path

import duckdb

from corpus.simulation.causes import SimulationSettings
from corpus.simulation.tables import simulate_tables

MILLION = 1_000_000


def simulated(folder: Path, millions: int) -> Path:
    """A corpus of tables alone; each video asked for once, as of its label or the end."""
    if not folder.exists():
        simulate_tables(folder, SimulationSettings(videos=millions * MILLION), progress=lambda _: None)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '6GB'")
    connection.execute(
        f"COPY (SELECT video_id, coalesce(labeled_at, TIMESTAMPTZ '2026-09-20') AS as_of, label "
        f"FROM read_parquet('{folder}/videos/*.parquet') LEFT JOIN (SELECT video_id, labeled_at, label "
        f"FROM read_parquet('{folder}/labels/*.parquet') WHERE task = 'low_quality') USING (video_id)) "
        f"TO '{folder}/catalogue.parquet' (FORMAT parquet)"
    )
    return folder


def in_no_order(tables: Path, folder: Path) -> Path:
    """The same tables with ids that do not grow with time, so that no range of them lies together."""
    if folder.exists():
        return folder
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '6GB'; SET preserve_insertion_order = false")
    files = {f"dense/{view.name}/0.parquet": f"{view}/*.parquet" for view in (tables / "dense").iterdir()}
    for target, source in {**files, "catalogue.parquet": f"{tables}/catalogue.parquet"}.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        connection.execute(
            f"COPY (SELECT * REPLACE (hash(video_id)::VARCHAR AS video_id) FROM read_parquet('{source}')) "
            f"TO '{folder / target}' (FORMAT parquet)"
        )
    return folder


def history(folder: Path, keys: int, versions: int) -> Path:
    """One view of ``keys`` x ``versions`` rows over 90 days, unsorted, and a million entity rows."""
    (folder / "dense" / "history").mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    start = "TIMESTAMPTZ '2026-06-01'"
    features = ", ".join(f"(hash(i * 7 + {n}) % 10000)::FLOAT AS f{n}" for n in range(6))
    connection.execute(
        f"COPY (SELECT 'v' || lpad((i % {keys})::VARCHAR, 8, '0') AS video_id, event AS event_timestamp, "
        f"event + to_seconds(300 + (hash(i + 5) % 30000)::BIGINT) AS created_timestamp, {features} FROM "
        f"(SELECT i, {start} + to_seconds((hash(i) % 7776000)::BIGINT) AS event FROM range({keys * versions}) t(i))) "
        f"TO '{folder}/dense/history/0.parquet' (FORMAT parquet)"
    )
    connection.execute(
        f"COPY (SELECT 'v' || lpad((hash(i) % {keys})::VARCHAR, 8, '0') AS video_id, "
        f"{start} + to_seconds((hash(i + 9) % 7776000)::BIGINT) AS as_of, 'one' AS label FROM range({MILLION}) t(i)) "
        f"TO '{folder}/catalogue.parquet' (FORMAT parquet)"
    )
    return folder
