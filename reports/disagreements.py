"""Videos on which the student and who serves now decide otherwise: what a reviewer would rather look at than read."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from models.data.dataset import Clips
from models.evaluation.judging import Evaluation
from models.evaluation.metrics import decide

MOST = 20  # what a person looks at in a few minutes
FRAMES = 3  # of a clip: its first, its middle and its last
HEIGHT = 96  # pixels of a frame on the page


@dataclass(frozen=True)
class Said:
    """What a model decides on a video, and the score of that class."""

    label: str
    score: float


@dataclass(frozen=True)
class Disagreement:
    """One video: its texts, its label, what each of the two models says, and frames as data URLs."""

    video_id: str
    title: str
    overlay_text: str
    label: str
    said: Mapping[str, Said]
    frames: tuple[str, ...]


def disagreements(
    judged: pd.DataFrame, catalogue: pd.DataFrame, evaluation: Evaluation, reference: str, clips: Clips | None
) -> list[Disagreement]:
    """The evaluation videos on which student and ``reference`` decide otherwise, those they differ on most first.

    Args:
        judged: their rows of the scores.
        catalogue: video_id, title, overlay_text.
    """
    names = ("student", reference)
    scores = {name: np.stack(judged[name].to_numpy()) for name in names}
    decided = {name: decide(scores[name], evaluation.models[name].threshold) for name in names}
    apart = np.abs(scores["student"] - scores[reference]).sum(1)
    otherwise = np.flatnonzero(decided["student"] != decided[reference])
    texts = catalogue.set_index("video_id")
    found = []
    for row in otherwise[np.argsort(-apart[otherwise], kind="stable")][:MOST]:
        video_id = str(judged.video_id.iloc[row])
        title, overlay = (str(texts.at[video_id, name] or "") for name in ("title", "overlay_text"))
        said = {
            name: Said(evaluation.classes[decided[name][row]], float(scores[name][row, decided[name][row]]))
            for name in names
        }
        label = evaluation.classes[judged.label.iloc[row]]
        frames = () if clips is None else _frames(clips.frames([video_id])[0])
        found.append(Disagreement(video_id, title, overlay, label, said, frames))
    return found


def _frames(clip: np.ndarray) -> tuple[str, ...]:
    """Frames (F, H, W, 3) as small pictures."""
    chosen = np.unique(np.linspace(0, len(clip) - 1, FRAMES).astype(int))
    return tuple(_data_url(clip[index]) for index in chosen)


def _data_url(frame: np.ndarray) -> str:
    picture, buffer = Image.fromarray(np.ascontiguousarray(frame)), io.BytesIO()
    picture.thumbnail((10 * HEIGHT, HEIGHT))
    picture.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
