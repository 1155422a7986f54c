"""The rows of a run as tensors: clips, tokens, labels, and for whom it concerns dense values or soft targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from common.artifacts import RAW_COLUMNS
from models.data.clip_shards import ClipShards
from models.data.clip_stream import ClipStream
from models.data.clips import Clips, ClipStore
from models.data.ngrams import Counts, count_ngrams, padded
from models.data.tensors import Batch
from models.data.text import encode
from models.settings import ModelSettings

WIDE_LOGITS = "wide_logits"  # the extra that stands for a wide path's n-grams


@dataclass(frozen=True)
class Videos:
    """Videos ready for a network, in the order of ``video_ids``; no ``clips`` where frames are not read.

    ``tokens`` holds input_ids and attention_mask (N, L); ``labels`` (N,) is -1 where there is none; ``extras``
    holds further tensors by name, one row a video (``dense``, ``teacher_logits``, ``alpha``, ``wide_logits``);
    ``ngrams`` (N, columns) are the counts that a wide path reads, None where none does.
    """

    video_ids: list[str]
    clips: Clips | None
    tokens: tuple[Tensor, Tensor]
    labels: Tensor
    extras: Mapping[str, Tensor]
    ngrams: Counts | None = None

    def __len__(self) -> int:
        return len(self.video_ids)

    def with_extras(self, **extras: Tensor) -> "Videos":
        return replace(self, extras={**self.extras, **extras})

    def with_wide_logits(self, logits: Tensor) -> "Videos":
        """With what a wide path makes of the n-grams, in their place: it is computed once, not in every step."""
        return replace(self.with_extras(**{WIDE_LOGITS: logits}), ngrams=None)

    def targets(self) -> Batch:
        """Labels and extras of all rows: a batch without raw input."""
        return {"labels": self.labels, **self.extras}

    def select(self, rows: np.ndarray) -> "Videos":
        index = torch.from_numpy(np.asarray(rows, np.int64))
        return Videos(
            [self.video_ids[row] for row in rows],
            self.clips,
            (self.tokens[0][index], self.tokens[1][index]),
            self.labels[index],
            {name: values[index] for name, values in self.extras.items()},
            None if self.ngrams is None else self.ngrams[rows],
        )

    def batch(self, rows: Tensor) -> Batch:
        """The named tensors of these rows, padding beyond the longest text cut off."""
        input_ids, attention_mask = (part[rows] for part in self.tokens)
        length = int(attention_mask.sum(1).max())
        batch = {
            "input_ids": input_ids[:, :length],
            "attention_mask": attention_mask[:, :length],
            "labels": self.labels[rows],
            **{name: values[rows] for name, values in self.extras.items()},
        }
        if self.ngrams is not None:
            batch |= padded(self.ngrams[rows.numpy()])
        if self.clips is not None:
            batch["frames"] = torch.from_numpy(self.clips.frames(self.video_ids[row] for row in rows.tolist()))
        return batch


def open_clips(path: Path, settings: ModelSettings) -> Clips | None:
    """The clips, if frames are among the modalities."""
    if "frames" not in settings.modalities:
        return None
    with pa.memory_map(str(path)) as source:
        columns = pa.ipc.open_file(source).schema.names
    kinds: tuple[type[Clips], ...] = (ClipStore, ClipShards, ClipStream)
    return next(kind for kind in kinds if kind.column in columns)(path)


def read_catalogue(catalogue: Path, clips: Clips | None, columns: Sequence[str] = RAW_COLUMNS) -> pd.DataFrame:
    """The raw columns, or others, of the catalogue's videos; if there are clips, of those that have one."""
    frame = pq.read_table(catalogue, columns=list(columns)).to_pandas()
    return frame if clips is None else frame[frame.video_id.map(clips.__contains__)].reset_index(drop=True)


def prepare_videos(
    frame: pd.DataFrame,
    clips: Clips | None,
    tokenizer: PreTrainedTokenizerFast,
    settings: ModelSettings,
) -> Videos:
    """Catalogue rows to Videos; labels become their index among the classes."""
    titles, overlays = list(frame.title.fillna("")), list(frame.overlay_text.fillna(""))
    tokens = encode(tokenizer, titles, overlays, settings.text, settings.modalities)
    index = {label: position for position, label in enumerate(settings.classes)}
    labels = torch.tensor([index.get(label, -1) for label in frame.label], dtype=torch.long)
    wide = settings.wide
    ngrams = None if wide is None else count_ngrams(titles, overlays, wide, settings.modalities)
    return Videos(list(frame.video_id), clips, tokens, labels, {}, ngrams)
