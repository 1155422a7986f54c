"""Parity: the archive, really served, answers what was evaluated."""

from pathlib import Path

import fsspec
import numpy as np
import pandas as pd

from serving.archive import require_digest
from serving.client import classify
from serving.server import ServerSettings, running

TOLERANCE = 1e-4
MOST_VIDEOS = 32


class ParityError(RuntimeError):
    """The served student does not answer what was evaluated."""


def check_parity(
    archive: Path, task: str, rows: pd.DataFrame, scores: pd.DataFrame, folder: Path
) -> dict[str, float | int]:
    """Serve ``archive``/TASK.mar and ask it about evaluation videos, evenly chosen.

    Args:
        archive: folder with TASK.mar and TASK.mar.sha256.
        rows: video_id, title, overlay_text, media_uri (null: no video is sent).
        scores: video_id, split, and the evaluated class probabilities in ``student``.
        folder: where the server keeps its logs while it is there.

    Returns:
        ``videos`` asked about and the ``largest_difference`` of a score.

    Raises:
        ParityError: a difference above 1e-4; the message names the video.
    """
    mar = archive / f"{task}.mar"
    require_digest(mar, (archive / f"{mar.name}.sha256").read_text().strip())
    judged = scores[scores.split == "evaluation"].merge(rows, on="video_id")
    chosen = judged.iloc[np.unique(np.linspace(0, len(judged) - 1, MOST_VIDEOS).astype(int))]
    worst, culprit = 0.0, ""
    with running([mar], folder, ServerSettings.any_port()) as server:
        for row in chosen.itertuples():
            video = None if pd.isna(row.media_uri) else _read(row.media_uri)
            reply = classify(server, task, video, row.title or "", row.overlay_text or "")
            difference = float(np.abs(np.array(list(reply.scores.values())) - row.student).max())
            if difference > worst:
                worst, culprit = difference, str(row.video_id)
    if worst > TOLERANCE:
        raise ParityError(
            f"the served {task} student differs from the evaluated one by {worst:.2g} on {culprit}: it is not promoted"
        )
    return {"videos": len(chosen), "largest_difference": worst}


def _read(uri: str) -> bytes:
    with fsspec.open(uri, "rb") as file:
        return file.read()
