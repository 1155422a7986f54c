"""Many videos scored by a served student without a server: what it would answer, in less time."""

from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd

from common.errors import UserError
from models.evaluation.metrics import Threshold
from serving.predictor import Predictor, RawInput

BATCH = 32  # clips in memory at once


def score_rows(folder: Path, threshold: Threshold, rows: pd.DataFrame, classes: tuple[str, ...]) -> np.ndarray:
    """Class probabilities (N, C) of a student's folder, in the order of ``classes``.

    Args:
        rows: video_id, title, overlay_text, media_uri (null for none).

    Raises:
        UserError: the student knows other classes.
        MediaError: a video that it needs is not there, or cannot be decoded.
    """
    predictor = Predictor.load(folder, threshold)
    if set(predictor.model.config.classes) != set(classes):
        known = ", ".join(predictor.model.config.classes)
        raise UserError(f"it tells other classes apart than the task does now: {known}")
    answers = []
    for start in range(0, len(rows), BATCH):
        inputs = list(_inputs(rows.iloc[start : start + BATCH], predictor.reads_frames))
        answers += predictor.answer([predictor.clip(each) for each in inputs], inputs)
    return np.array([[answer.scores[label] for label in classes] for answer in answers])


def _inputs(rows: pd.DataFrame, with_video: bool) -> Iterator[RawInput]:
    for row in rows.itertuples():
        video = None
        if with_video and not pd.isna(row.media_uri):
            with fsspec.open(row.media_uri, "rb") as file:
                video = file.read()
        title, overlay = ("" if pd.isna(text) else str(text) for text in (row.title, row.overlay_text))
        yield RawInput(video, title, overlay)
