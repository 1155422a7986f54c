"""Historical retrieval at scale: the as-of store against DuckDB's own as-of join and Feast's stores, in one run.

``make bench-features`` prints the table of feature_repo/README.md; ``--largest 1`` leaves the large ones out. Every
measurement is a process of its own, whose peak memory counts. The reference is DuckDB's as-of join on event time
alone, written to Parquet: without a cut-off on writing, without ttl, without de-duplication.
"""

import argparse
import itertools
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from benchmarks.feature_tables import MILLION, history, in_no_order, simulated
from common.source import code_version

VIEWS = {
    "engagement": ["views", "likes", "shares", "watched_share"],
    "reports": ["reports", "reporters"],
    "upstream_scores": ["safety_score", "quality_score", "topic_scores"],
}
HISTORY = {"history": ["f0", "f1", "f2", "f3", "f4", "f5"]}
LIMITS = {"Feast's Dask store": 120}  # seconds; it is no alternative, as it drops rows
Timed = Callable[[], object]
REFERENCE, OURS = "DuckDB as-of join", "as-of store"


@dataclass(frozen=True)
class Case:
    """Tables below ``folder``: dense/VIEW/*.parquet and catalogue.parquet (video_id, as_of, label).

    ``millions`` of videos where cases differ in nothing else, so that they show how time grows.
    """

    name: str
    folder: Path
    views: dict[str, list[str]]
    contenders: tuple[str, ...]
    rounds: int
    millions: int = 0


def reference(folder: Path, views: dict[str, list[str]], out: Path) -> Timed:
    """DuckDB's own as-of join, one view after the other."""
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET temp_directory = '{out}.tmp'")
    connection.execute("SET memory_limit = '10GB'")
    joins = " ".join(
        f"ASOF LEFT JOIN read_parquet('{folder}/dense/{view}/*.parquet') {view} "
        f"ON e.video_id = {view}.video_id AND e.as_of >= {view}.event_timestamp"
        for view in views
    )
    columns = ", ".join(f"{view}.{name}" for view, names in views.items() for name in names)
    statement = (
        f"COPY (SELECT e.video_id, e.as_of, {columns} FROM read_parquet('{folder}/catalogue.parquet') e {joins}) "
        f"TO '{out}' (FORMAT parquet)"
    )
    return lambda: connection.execute(statement)


def through_feast(folder: Path, views: dict[str, list[str]], out: Path, kind: str) -> Timed:
    """``get_historical_features`` of an applied feature service, with the cut-off on writing, to Parquet."""
    import pandas as pd
    import pyarrow.parquet as pq
    from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Array, Float32

    video = Entity(name="video", join_keys=["video_id"], value_type=ValueType.STRING)
    applied = [
        FeatureView(
            name=view, entities=[video], ttl=timedelta(0), online=False,
            schema=[Field(name=n, dtype=Array(Float32) if n == "topic_scores" else Float32) for n in names],
            source=FileSource(
                name=f"{view}_table", path=f"{folder}/dense/{view}/*.parquet", timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
        )
        for view, names in views.items()
    ]  # fmt: skip
    service = FeatureService(name="all", features=applied)
    config = RepoConfig(
        project="bench", provider="local", registry=f"{out}.registry", online_store=None,
        offline_store={"type": kind}, entity_key_serialization_version=3,
    )  # fmt: skip
    store = FeatureStore(config=config)
    store.apply([video, *applied, service])
    query = f"SELECT video_id, as_of AS event_timestamp FROM read_parquet('{folder}/catalogue.parquet')"
    entities: pd.DataFrame | str = query if "asof" in kind else duckdb.sql(query).df()

    def retrieve() -> None:
        job = store.get_historical_features(entities, service, filter_by_created_timestamp=True)
        if "asof" in kind:
            job.write(out, report=lambda line: print(line, file=sys.stderr, flush=True))
        else:
            pq.write_table(job.to_arrow(), out)

    return retrieve


def validation(folder: Path, views: dict[str, list[str]], out: Path) -> Timed:
    """The checks of a run over what the as-of store left, with drift against 20,000 other rows."""
    from corpus.settings import ValidationSettings
    from corpus.validation.expectations import validate
    from corpus.validation.features import feature_expectations, feature_facts
    from corpus.validation.statistics import feature_statistics

    previous, kept = out.with_name("previous"), out.with_name(OURS.replace(" ", "-"))
    previous.mkdir(exist_ok=True)
    described = {name: {"view": view, "minimum": "0"} for view, names in views.items() for name in names}
    for place in (kept, previous):
        (place / "_features.json").write_text(json.dumps({"features": described}))
    duckdb.execute(f"COPY (FROM read_parquet('{kept}/*.parquet') LIMIT 20000) TO '{previous}/0.parquet'")
    (rows,) = duckdb.execute(f"SELECT count(*) FROM read_parquet('{folder}/catalogue.parquet')").fetchone() or (0,)
    times = {view: {"written_late_share": 0.0, "stale_hours": 0.0, "repeated_rows": 0} for view in views}

    def check() -> None:
        facts = feature_facts(feature_statistics(kept, folder / "catalogue.parquet", previous), times)
        found = validate(facts, "features", feature_expectations(rows, ValidationSettings()), out, key="feature")
        print([finding.sentence for finding in found], file=sys.stderr)

    return check


CONTENDERS = {
    REFERENCE: lambda *given: reference(*given),
    OURS: lambda *given: through_feast(*given, "feature_repo.asof.store.AsofOfflineStore"),
    "Feast's DuckDB store": lambda *given: through_feast(*given, "duckdb"),
    "Feast's Dask store": lambda *given: through_feast(*given, "dask"),
    "validation": validation,
}


def measure(case: Case, contender: str, scratch: Path) -> tuple[float, float]:
    """Seconds and peak GiB of one contender in a process of its own; infinite if it was given up."""
    out = scratch / contender.replace(" ", "-")
    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True) if out.is_file() else None
    given = json.dumps([contender, str(case.folder), case.views, str(out)])
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.features", "--one", given]
    try:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=LIMITS.get(contender))
    except subprocess.TimeoutExpired:
        return math.inf, math.nan
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return found["seconds"], found["gib"]


def run_one(given: str) -> None:
    """What a measuring process does: imports and ``feast apply`` first, then the clock."""
    import resource
    import time

    contender, folder, views, out = json.loads(given)
    work = CONTENDERS[contender](Path(folder), views, Path(out))
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "gib": gib}))


def cases(scratch: Path, smallest: int, largest: int) -> list[Case]:
    """The cases in the order of their size."""
    feast = ("Feast's DuckDB store", "Feast's Dask store")
    found = []
    if smallest <= 1:
        short, long = history(scratch / "h200", 20_000, 200), history(scratch / "h2000", 2_000, 2_000)
        found = [
            Case("1 M x 3 x 4 M", simulated(scratch / "1m", 1), VIEWS, (REFERENCE, OURS, *feast), 5, 1),
            Case("1 M x 1 x 4 M, 200 versions", short, HISTORY, (REFERENCE, OURS, feast[0]), 5),
            Case("1 M x 1 x 4 M, 2,000 versions", long, HISTORY, (REFERENCE, OURS), 5),
        ]
    if smallest <= 5 <= largest:
        tables = simulated(scratch / "5m", 5)
        found.append(Case("5 M x 3 x 20 M", tables, VIEWS, (REFERENCE, OURS, "validation"), 3, 5))
    if largest >= 20:
        tables = simulated(scratch / "20m", 20)
        found.append(Case("20 M x 3 x 80 M", tables, VIEWS, (OURS, "validation"), 3, 20))
        shuffled = in_no_order(tables, scratch / "20m-in-no-order")
        found.append(Case("20 M x 3 x 80 M, ids in no order", shuffled, VIEWS, (OURS,), 1))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--tables", type=Path, help="folder to keep the tables in; by default they are made anew")
    parser.add_argument("--smallest", type=int, default=1, help="millions of videos of the smallest case")
    parser.add_argument("--largest", type=int, default=20, help="millions of videos of the largest case")
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments.one)
        return
    print(f"{code_version()}, {os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}\n")
    print("| entities x views x source rows | what | seconds | peak GiB | against the reference |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(arguments.tables or Path(folder), arguments.smallest, arguments.largest):
            rows = []
            for number in range(case.rounds):
                for contender in case.contenders:
                    slow = contender.startswith("Feast's") and number > 0
                    if not slow:
                        rows.append((number, contender, *measure(case, contender, Path(folder))))
            report(case, rows)
            if case.millions:
                seconds[case.millions] = statistics.median(each for _, name, each, _ in rows if name == OURS)
    for fewer, more in itertools.pairwise(seconds):
        linear = more / fewer * math.log(more * MILLION) / math.log(fewer * MILLION)
        print(f"\n{fewer} M to {more} M: {seconds[more] / seconds[fewer]:.1f} times as long; n log n: {linear:.1f}")


def report(case: Case, rows: list[tuple[int, str, float, float]]) -> None:
    """Medians over rounds; ratios are taken within a round, and printed with their range."""
    by_round = {(number, contender): seconds for number, contender, seconds, _ in rows}
    for contender in case.contenders:
        own = [(number, seconds, gib) for number, name, seconds, gib in rows if name == contender]
        ratios = [
            seconds / by_round[number, REFERENCE] for number, seconds, _ in own if (number, REFERENCE) in by_round
        ]
        ratio = (
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            if max(ratios, default=math.inf) < math.inf
            else ""
        )
        seconds, gib = statistics.median(s for _, s, _ in own), max(g for _, _, g in own)
        figures = f"{seconds:.1f} | {gib:.1f}" if math.isfinite(seconds) else f"over {LIMITS[contender]} |"
        print(f"| {case.name} | {contender} | {figures} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
