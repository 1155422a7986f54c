"""What runs found out about privileged features, and appending to a view's table."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from corpus.contract import read_manifest
from corpus.importing.sources import decimals, read_source
from feature_repo.retrieval import append_rows
from feature_repo.tables import KEY, TIMES, FeatureError


@dataclass(frozen=True)
class Line:
    """A feature, or a whole view (no ``feature``), and what the run found: ROC-AUC lost by shuffling it."""

    view: str
    feature: str
    roc_auc_drop: float
    deviation: float
    missing: float | None
    drift: float | None


@dataclass(frozen=True)
class Worth:
    """The importance of a task's features to the teacher of one run, dearest view first; and that run's page."""

    run: str
    rows: int
    lines: list[Line]
    page: Path | None


def newest_worth(runs: Path, task: str) -> Worth | None:
    """From the newest run of the task whose teacher was scored; None if there is none."""
    for folder in sorted(runs.glob(f"{task}-to-*"), key=lambda run: run.name.rsplit("-at-", 1)[-1], reverse=True):
        found = sorted(folder.glob("**/score-teacher/importance"))
        if not found:
            continue
        try:
            importance = json.loads(found[0].read_text())
            if not importance["features"]:
                continue
            page = next(iter(sorted(folder.glob("**/validate-features/features_page"))), None)
            return Worth(folder.name, importance["rows"], _lines(importance, _statistics(folder)), page)
        except (ValueError, KeyError, TypeError):
            continue  # half written by a run that was stopped, or by an older version
    return None


def _lines(importance: dict, statistics: pd.DataFrame) -> list[Line]:
    """Each view followed by its features, the dearest first. A vector has the worst of its extremes' figures."""
    lines = []
    for view in sorted(importance["views"], key=lambda each: -each["roc_auc_drop"]):
        lines.append(Line(view["view"], "", view["roc_auc_drop"], view["roc_auc_drop_deviation"], None, None))
        own = [each for each in importance["features"] if each["view"] == view["view"]]
        for each in sorted(own, key=lambda feature: -feature["roc_auc_drop"]):
            names = {each["feature"], *(f"{extreme} of {each['feature']}" for extreme in ("least", "greatest"))}
            rows = statistics[statistics.feature.isin(names)]
            drift = rows.drift_index.dropna()
            lines.append(
                Line(
                    each["view"],
                    each["feature"],
                    each["roc_auc_drop"],
                    each["roc_auc_drop_deviation"],
                    None if rows.empty else float(rows.missing_share.max()),
                    None if drift.empty else float(drift.max()),
                )
            )
    return lines


def _statistics(folder: Path) -> pd.DataFrame:
    found = sorted(folder.glob("**/validate-features/statistics"))
    columns = {"feature": "object", "missing_share": "float64", "drift_index": "float64"}
    records = json.loads(found[0].read_text()) if found else []
    return pd.DataFrame(records, columns=list(columns)).astype(columns)


def _moment(column: str, value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise FeatureError(f"{column} is {value!r}: give times in ISO 8601, as 2026-06-02T10:00:00+00:00") from error
    if moment.tzinfo is None:
        raise FeatureError(f"{column} is {value!r}, which has no time zone: add one, as 2026-06-02T10:00:00+00:00")
    return moment


def append_table(corpus: Path, view: str, table: Path, registry: str) -> int:
    """Append a CSV or Parquet table to a view of a corpus; returns how many rows.

    Rows without ``created_timestamp`` are stamped with this moment: that is when they became known. Times of a CSV
    are read as ISO 8601 with a zone.

    Raises:
        CorpusError: no such corpus, or a table that cannot be read.
        FeatureError: no such view, or rows that are not as the corpus declares.
    """
    read_manifest(corpus)
    rows = read_source(table, text=(KEY,))
    if "created_timestamp" not in rows.columns:
        rows["created_timestamp"] = pd.Timestamp(datetime.now(UTC))
    for column in rows.columns.difference([KEY]):
        if column not in TIMES:
            rows[column] = decimals(rows[column])
        elif rows[column].dtype == object:
            rows[column] = [_moment(column, value) for value in rows[column]]
    append_rows(corpus, view, rows, registry)
    return len(rows)
