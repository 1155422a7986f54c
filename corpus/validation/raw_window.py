"""What is expected of a run's raw window, and what is set aside row by row."""

import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from great_expectations.expectations.expectation import Expectation

from common.files import whole
from common.sql import literal
from corpus.known_videos import bound
from corpus.settings import ValidationSettings
from corpus.validation.expectations import CRITICAL, EXAMPLES, MANY, WARNING, DataInvalid, says
from corpus.validation.media import NO_MEDIA

FACTS = """
SELECT {video_id} AS video_id, published_at, label, split, epoch(as_of) - epoch(published_at) AS label_delay_seconds,
    coalesce(length(title), 0)::INTEGER AS title_length, coalesce(length(overlay_text), 0)::INTEGER AS overlay_length,
    {media_uri}
FROM read_parquet({path}, hive_partitioning = false)
"""


def read_facts(catalogue: Path, with_media: bool) -> pd.DataFrame:
    """What is checked of a catalogue, a row a video: numbers where there are texts, ``media_uri`` if it is asked for.

    Of ``MANY`` rows ``video_id`` is a number, too, equal where the ids are: Great Expectations takes a fingerprint of
    what it is given, which takes a minute for millions of texts, and shows no single row of so many.
    """
    rows = pq.read_metadata(catalogue).num_rows
    chosen = {
        "video_id": "video_id" if rows < MANY else "if(video_id IS NULL, NULL, (hash(video_id) >> 1)::BIGINT)",
        "media_uri": "media_uri" if with_media else "",
        "path": literal(str(catalogue)),
    }
    with duckdb.connect() as connection:
        bound(connection, rows)
        found = connection.execute(FACTS.format(**chosen)).to_arrow_table()
    for name in ("label", "split"):
        found = found.set_column(found.column_names.index(name), name, found[name].dictionary_encode())
    return found.to_pandas(split_blocks=True, self_destruct=True)


def catalogue_expectations(
    frame: pd.DataFrame, classes: tuple[str, ...], start: datetime, end: datetime, settings: ValidationSettings
) -> tuple[pd.DataFrame, list[Expectation]]:
    """The facts of the raw window, completed, and what must hold of them; of media, if ``media_facts`` are there."""
    facts = frame.assign(set_aside=set_aside_reasons(frame))
    expectations: list[Expectation] = [
        _not_null("video_id", "every video has an id"),
        _not_null("published_at", "every video has a time of publication"),
        gxe.ExpectColumnValuesToBeNull(
            column="set_aside",
            mostly=round(1 - settings.faulty_share, 12),  # 1 - 0.85 is more than 0.15
            severity=CRITICAL,
            meta=says(f"at most {settings.faulty_share:.1%} of the videos are set aside (validation.faulty_share)"),
        ),
        gxe.ExpectColumnValuesToBeUnique(column="video_id", severity=WARNING, meta=says("video ids are unique")),
        gxe.ExpectColumnValuesToBeInSet(
            column="label", value_set=list(classes), severity=CRITICAL, meta=says("labels are classes of the task")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="published_at", min_value=start, max_value=end, strict_max=True, severity=CRITICAL,
            meta=says("videos were published inside the window"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="label_delay_seconds", min_value=0, severity=WARNING,
            meta=says("labels were made after publication"),
        ),
    ]  # fmt: skip
    if "media_error" in frame:
        expectations += _media_expectations()
    for column, text in (("title_length", "titles"), ("overlay_length", "overlay texts")):
        limit = settings.longest_text
        expectations.append(
            gxe.ExpectColumnValuesToBeBetween(
                column=column,
                max_value=limit,
                severity=WARNING,
                meta=says(f"{text} have at most {limit} characters (longer ones are cut)"),
            )
        )
    for label in classes:
        facts[f"is_{label}"] = np.where(frame.label.notna(), frame.label == label, np.nan).astype(np.float32)
        expectations.append(
            gxe.ExpectColumnMeanToBeBetween(
                column=f"is_{label}",
                min_value=settings.least_class_share,
                severity=CRITICAL,
                meta=says(f"at least {settings.least_class_share:.1%} of the labels are {label}"),
            )
        )
    return facts, expectations


def _media_expectations() -> list[Expectation]:
    return [
        gxe.ExpectColumnValuesToBeNull(column="media_error", severity=WARNING, meta=says("media can be opened")),
        gxe.ExpectColumnValuesToBeUnique(
            column="media_digest", severity=WARNING, meta=says("no two videos are the same file")
        ),
    ]


def set_aside_reasons(facts: pd.DataFrame) -> pd.Series:
    """Why each row is set aside, null if it is not. The first of a duplicate stays."""
    reason = pd.Series(pd.NA, index=facts.index, dtype="string[pyarrow]")
    if "media_error" in facts:
        faulty = facts.media_error.notna()
        reason[faulty] = "unreadable media: " + facts.media_error[faulty].astype("string[pyarrow]")
        reason[facts.media_uri.isna()] = NO_MEDIA
        reason[facts.media_digest.notna() & facts.duplicated("media_digest")] = "duplicate media"
    reason[facts.duplicated("video_id")] = "duplicate video_id"
    return reason


def write_sound(catalogue: Path, reasons: pd.Series, sound: Path) -> pd.DataFrame:
    """Write the rows of a catalogue without a reason to ``sound``. Returns video_id and reason of the others."""
    kept, start, aside = reasons.isna().to_numpy(bool), 0, []
    if kept.all():
        with whole(sound) as partial:
            shutil.copyfile(catalogue, partial)
        return pd.DataFrame({"video_id": [], "reason": []}, dtype="string")
    with (
        whole(sound) as partial,
        pq.ParquetFile(catalogue) as file,
        pq.ParquetWriter(partial, file.schema_arrow) as writer,
    ):
        for batch in file.iter_batches():
            mask = kept[start : start + len(batch)]
            writer.write_batch(batch.filter(pa.array(mask)))
            aside += [str(video) for video in batch["video_id"].filter(pa.array(~mask)).to_pylist()]
            start += len(batch)
    return pd.DataFrame({"video_id": aside, "reason": reasons[~kept].to_numpy(object)}, dtype="string")


def _not_null(column: str, sentence: str) -> Expectation:
    return gxe.ExpectColumnValuesToNotBeNull(column=column, severity=CRITICAL, meta=says(sentence))


def write_set_aside(aside: pd.DataFrame, path: Path, limit_of: int) -> None:
    """Write the rows set aside and print their count by reason."""
    aside.to_parquet(path, index=False)
    counts = aside.reason.str.split(":").str[0].value_counts()
    listed = ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"
    print(f"set aside {len(aside)} of {limit_of} videos: {listed}", flush=True)


def require_few_faults(aside: pd.DataFrame, rows: int, limit: float) -> None:
    """Raise DataInvalid if more than the ``limit`` share of ``rows`` videos were set aside."""
    if rows and len(aside) / rows > limit:
        examples = "; ".join(f"{row.video_id}: {row.reason}" for row in aside.head(EXAMPLES).itertuples())
        raise DataInvalid(
            f"{len(aside)} of {rows} videos do not decode, more than the limit of {limit:.1%} "
            f"(validation.faulty_share), such as {examples}"
        )
