"""Parity: the archive, really served, answers what was evaluated."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd

from common.errors import UserError
from serving.archive import require_digest
from serving.client import classify
from serving.configuration import ServerSettings
from serving.server import running

# Of a probability. Served and evaluated on one CPU, scores differ by 6e-8, a rounding of float32; the rest is room for
# an evaluation on a GPU, which adds up in another order.
TOLERANCE = 1e-4
MOST_VIDEOS = 32  # a fault of the archive shows on nearly every video, and so many are answered in seconds


class ParityError(UserError):
    """The served student does not answer what was evaluated."""


def check_parity(
    archive: Path, task: str, rows: pd.DataFrame, scores: pd.DataFrame, folder: Path
) -> dict[str, float | int]:
    """Serve ``archive``/TASK.mar and ask it about evaluation videos, evenly chosen.

    Args:
        archive: folder with TASK.mar and TASK.mar.sha256.
        rows: video_id, title, overlay_text, media_uri (null: no video is sent).
        scores: video_id, split, and the evaluated class probabilities in ``student``.
        folder: the server's own. Removed once parity is proven, as it holds a second copy of the archive and
            the server's keys; kept after a failure, for its logs.

    Returns:
        ``videos`` asked about and the ``largest_difference`` of a score.

    Raises:
        ParityError: a difference above 1e-4; the message names the video.
    """
    mar = archive / f"{task}.mar"
    require_digest(mar, (archive / f"{mar.name}.sha256").read_text().strip())
    judged = scores[scores.split == "evaluation"].merge(rows, on="video_id")
    chosen = judged.iloc[np.unique(np.linspace(0, len(judged) - 1, MOST_VIDEOS).astype(int))]
    served: dict[str, list[float]] = {}
    with running([mar], folder, ServerSettings.any_port()) as server:
        for row in chosen.itertuples():
            video = None if pd.isna(row.media_uri) else _read(row.media_uri)
            reply = classify(server, task, video, row.title or "", row.overlay_text or "")
            served[str(row.video_id)] = list(reply.scores.values())
    evaluated = dict(zip(chosen.video_id.astype(str), chosen.student, strict=True))
    largest = require_parity(task, served, evaluated)
    shutil.rmtree(folder, ignore_errors=True)
    return {"videos": len(chosen), "largest_difference": largest}


def require_parity(task: str, served: Mapping[str, Any], evaluated: Mapping[str, Any]) -> float:
    """The largest difference between served and evaluated scores (C,) by video.

    Raises:
        ParityError: no video, another number of scores, a score that is not finite, or a difference above 1e-4.
    """
    if not served:
        raise ParityError(f"the served {task} student was asked about no video: nothing is proven")
    worst = 0.0
    for video_id, scores in served.items():
        expected = np.asarray(evaluated[video_id], float)
        found = np.asarray(scores, float)
        difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
        if not difference <= TOLERANCE:  # so that NaN, which is neither above nor below, does not pass
            raise ParityError(
                f"the served {task} student differs from the evaluated one by {difference:.2g} on {video_id}: "
                "it is not promoted"
            )
        worst = max(worst, difference)
    return worst


def _read(uri: str) -> bytes:
    with fsspec.open(uri, "rb") as file:
        return file.read()
