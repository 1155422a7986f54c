"""What is expected of a run's raw window, and what is set aside row by row."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import fsspec
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from common.artifacts import CATALOGUE_COLUMNS
from common.errors import UserError
from corpus.contract import CorpusError
from corpus.settings import ValidationSettings
from corpus.validation.expectations import CRITICAL, EXAMPLES, WARNING, DataInvalid, says

NO_MEDIA = "no media"


def media_facts(catalogue: pd.DataFrame, probe: Callable[[str], None], progress: Callable[[int], None]) -> pd.DataFrame:
    """The catalogue with ``media_error`` (null if the container opens) and ``media_digest`` of each video.

    Raises:
        CorpusError: none of the videos is stored.
    """
    if catalogue.media_uri.isna().all():
        raise CorpusError(
            "none of the window's videos has media (media_uri is null), but the task reads frames: leave frames out "
            "of the modalities in the task file, or import the corpus with 'media' and 'videos.media'"
        )
    found: list[tuple[str | None, str | None]] = []
    for done, uri in enumerate(catalogue.media_uri, start=1):
        found.append((NO_MEDIA, None) if pd.isna(uri) else _media_fact(uri, probe))
        progress(done)
    return catalogue.assign(media_error=[error for error, _ in found], media_digest=[digest for _, digest in found])


def _media_fact(uri: str, probe: Callable[[str], None]) -> tuple[str | None, str | None]:
    try:
        probe(uri)
        return None, _digest(uri)
    except UserError as error:
        return str(error), None


def _digest(uri: str) -> str:
    digest = hashlib.blake2b(digest_size=16)  # 128 bits: no two files share them by chance
    with fsspec.open(uri, "rb") as file:
        while block := file.read(1 << 20):  # a mebibyte at a time: a file may be larger than memory
            digest.update(block)
    return digest.hexdigest()


def catalogue_expectations(
    frame: pd.DataFrame, classes: tuple[str, ...], start: datetime, end: datetime, settings: ValidationSettings
) -> tuple[pd.DataFrame, list[Expectation]]:
    """The facts table of the raw window and what must hold of it; of media, only if ``media_facts`` are there."""
    facts = frame.assign(
        set_aside=set_aside_reasons(frame),
        title_length=frame.title.fillna("").str.len(),
        overlay_length=frame.overlay_text.fillna("").str.len(),
        label_delay_seconds=(frame.as_of - frame.published_at).dt.total_seconds(),
    )
    expectations: list[Expectation] = [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=CATALOGUE_COLUMNS, exact_match=False, severity=CRITICAL, meta=says("the columns are there")
        ),
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
        facts[f"is_{label}"] = np.where(frame.label.notna(), (frame.label == label).astype(float), np.nan)
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
    reason = pd.Series(pd.NA, index=facts.index, dtype="string")
    if "media_error" in facts:
        reason[facts.media_error.notna()] = "unreadable media: " + facts.media_error
        reason[facts.media_uri.isna()] = NO_MEDIA
        reason[facts.media_digest.notna() & facts.duplicated("media_digest")] = "duplicate media"
    reason[facts.duplicated("video_id")] = "duplicate video_id"
    return reason


def set_aside_catalogue(facts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the rows into sound ones and (video_id, reason) of those set aside."""
    reason = set_aside_reasons(facts)
    faulty = reason.notna()
    aside = pd.DataFrame({"video_id": facts.video_id[faulty], "reason": reason[faulty]})
    return facts.loc[~faulty, CATALOGUE_COLUMNS].reset_index(drop=True), aside


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
