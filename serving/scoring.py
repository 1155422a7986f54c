"""Many videos scored by a served student without a server: what it would answer, in less time."""

import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
from safetensors import SafetensorError

from common.artifacts import WEIGHTS
from common.errors import UserError
from models.evaluation.cost import AnswerCost
from models.evaluation.metrics import Threshold
from serving.predictor import Predictor, RawInput


class StudentError(UserError):
    """A student that cannot be asked. The message says why."""


BATCH = 32  # clips in memory at once
TIMED = 20  # answers: the median is none of the few that another process disturbed


def score_rows(folder: Path, threshold: Threshold, rows: pd.DataFrame, classes: tuple[str, ...]) -> np.ndarray:
    """Class probabilities (N, C) by a student's folder.

    Args:
        rows: video_id, title, overlay_text, media_uri (null for none).

    Raises:
        StudentError: the student cannot be loaded, or its classes are others, or in another order.
        MediaError: a video that it needs is not there, or cannot be decoded.
    """
    try:
        predictor = Predictor.load(folder, threshold)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise StudentError(f"it cannot be loaded any more: {str(error).strip().splitlines()[0]}") from error
    if (known := tuple(predictor.model.config.classes)) != classes:
        raise StudentError(f"its classes are {', '.join(known)}, and the task's {', '.join(classes)}")
    answers = []
    for start in range(0, len(rows), BATCH):
        inputs = list(_inputs(rows.iloc[start : start + BATCH], predictor.reads_frames))
        answers += predictor.answer([predictor.clip(each) for each in inputs], inputs)
    return np.array([list(answer.scores.values()) for answer in answers])


def answer_cost(folder: Path, threshold: Threshold, rows: pd.DataFrame) -> AnswerCost:
    """What one answer of a student's folder costs, over at most TIMED of ``rows`` (as ``score_rows`` reads them)."""
    predictor = Predictor.load(folder, threshold)
    seconds = []
    for raw in _inputs(rows.iloc[:TIMED], predictor.reads_frames):
        started = time.perf_counter()
        predictor.answer([predictor.clip(raw)], [raw])
        seconds.append(time.perf_counter() - started)
    size = (folder / WEIGHTS).stat().st_size
    return AnswerCost(megabytes=size / 1e6, milliseconds=1_000 * float(np.median(seconds)))


def _inputs(rows: pd.DataFrame, with_video: bool) -> Iterator[RawInput]:
    for row in rows.itertuples():
        video = None
        if with_video and not pd.isna(row.media_uri):
            with fsspec.open(row.media_uri, "rb") as file:
                video = file.read()
        title, overlay = ("" if pd.isna(text) else str(text) for text in (row.title, row.overlay_text))
        yield RawInput(video, title, overlay)
