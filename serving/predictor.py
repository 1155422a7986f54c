"""The predictor: raw video, title and overlay text in, class scores out. Plain Python, whatever serves it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from models.data.clips import MediaError, decode_clip
from models.data.ngrams import count_ngrams, padded
from models.data.text import encode
from models.evaluation.metrics import Threshold, decide
from models.networks.xvlm import XVLMForClassification
from models.settings import ClipSettings, TextSettings, WideSettings

__all__ = ["Answer", "MediaError", "Predictor", "RawInput"]


@dataclass(frozen=True)
class RawInput:
    """What exists the moment a video is uploaded. ``video`` is the file's bytes or a local path.

    A student that does not read frames needs no video, and ignores one.
    """

    video: bytes | str | None
    title: str = ""
    overlay_text: str = ""


@dataclass(frozen=True)
class Answer:
    """Scores by class (they sum to 1), and the class decided on."""

    label: str
    scores: dict[str, float]


class Predictor:
    """One student with the pre-processing that it was trained with."""

    def __init__(self, model: XVLMForClassification, tokenizer: PreTrainedTokenizerFast, threshold: Threshold) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()
        self.tokenizer = tokenizer
        self.threshold = threshold
        self.clips = ClipSettings.model_validate(model.config.clips)
        self.texts = TextSettings.model_validate(model.config.texts)
        self.wide = None if model.config.wide is None else WideSettings.model_validate(model.config.wide)
        self.modalities = model.config.modalities
        self.reads_frames = model.config.reads_frames

    @classmethod
    def load(cls, folder: Path, threshold: Threshold) -> "Predictor":
        """From a student's folder: safetensors and JSON only, nothing is run or fetched."""
        model = XVLMForClassification.from_pretrained(folder, use_safetensors=True, local_files_only=True)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        return cls(model, tokenizer, threshold)

    def clip(self, raw: RawInput) -> np.ndarray | None:
        """The video's frames (F, H, W, 3), or None for a student that does not read them.

        Raises:
            MediaError: it is needed and not there, or cannot be decoded.
        """
        if not self.reads_frames:
            return None
        if raw.video is None:
            raise MediaError("this student reads frames, and no video was sent")
        return decode_clip(raw.video, self.clips)

    @torch.inference_mode()
    def answer(self, clips: Sequence[np.ndarray | None], inputs: Sequence[RawInput]) -> list[Answer]:
        """Answers to a batch of inputs and what ``clip`` made of each."""
        titles, overlays = [raw.title for raw in inputs], [raw.overlay_text for raw in inputs]
        input_ids, attention_mask = encode(self.tokenizer, titles, overlays, self.texts, self.modalities)
        batch = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self.wide is not None:
            batch |= padded(count_ngrams(titles, overlays, self.wide, self.modalities))
        if self.reads_frames:
            batch["frames"] = torch.from_numpy(np.stack([clip for clip in clips if clip is not None]))
        batch = {name: values.to(self.device) for name, values in batch.items()}
        probabilities = self.model(**batch).softmax(1).cpu().numpy()
        classes = self.model.config.classes
        return [
            Answer(classes[index], {label: float(score) for label, score in zip(classes, row, strict=True)})
            for index, row in zip(decide(probabilities, self.threshold), probabilities, strict=True)
        ]

    def predict(self, video: bytes | str | None, title: str = "", overlay_text: str = "") -> Answer:
        """The answer to one video. Raises MediaError if it is needed and not there, or cannot be decoded."""
        raw = RawInput(video, title, overlay_text)
        return self.answer([self.clip(raw)], [raw])[0]


def read_serving_settings(folder: Path) -> dict[str, Any]:
    """serving.json of an archive: task, version and threshold."""
    return json.loads((folder / "serving.json").read_text())
