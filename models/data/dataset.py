"""The rows of a run as tensors: clips, tokens, labels, and for whom it concerns dense values or soft targets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from common.artifacts import FEATURES_FILE, RAW_COLUMNS
from common.errors import UserError
from models.data.clip_stream import ClipStream
from models.data.clips import ClipStore
from models.data.tensors import Batch
from models.data.text import encode
from models.settings import ModelSettings

Clips = ClipStore | ClipStream


class DatasetError(UserError):
    """Rows that cannot become tensors. The message names the feature."""


@dataclass(frozen=True)
class Videos:
    """Videos ready for a network, in the order of ``video_ids``; no ``clips`` where frames are not read.

    ``tokens`` holds input_ids and attention_mask (N, L); ``labels`` (N,) is -1 where there is none; ``extras``
    holds further tensors by name, one row a video (``dense``, ``teacher_logits``, ``alpha``).
    """

    video_ids: list[str]
    clips: Clips | None
    tokens: tuple[Tensor, Tensor]
    labels: Tensor
    extras: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.video_ids)

    def with_extras(self, **extras: Tensor) -> "Videos":
        return replace(self, extras={**self.extras, **extras})

    def select(self, rows: np.ndarray) -> "Videos":
        index = torch.from_numpy(np.asarray(rows, np.int64))
        return Videos(
            [self.video_ids[row] for row in rows],
            self.clips,
            (self.tokens[0][index], self.tokens[1][index]),
            self.labels[index],
            {name: values[index] for name, values in self.extras.items()},
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
        if self.clips is not None:
            batch["frames"] = torch.from_numpy(self.clips.frames(self.video_ids[row] for row in rows.tolist()))
        return batch


def open_clips(path: Path, settings: ModelSettings) -> Clips | None:
    """The clips, if frames are among the modalities."""
    if "frames" not in settings.modalities:
        return None
    return ClipStore(path) if settings.clips.stored else ClipStream(path)


def read_catalogue(catalogue: Path, clips: Clips | None) -> pd.DataFrame:
    """The raw columns of the catalogue's videos; if there are clips, of those that have one."""
    frame = pq.read_table(catalogue, columns=RAW_COLUMNS).to_pandas()
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
    return Videos(list(frame.video_id), clips, tokens, labels, {})


def dense_matrix(features: Path, video_ids: list[str]) -> tuple[np.ndarray, list[str]]:
    """The privileged artifact as float32 (videos, columns) in the order given, and the columns' names.

    A vector feature of length n becomes n columns ``name[0]`` ... ; a missing value or row is NaN. One column of the
    file is held in memory at a time.

    Args:
        features: a folder of Parquet files with ``_features.json``, which names the features.
        video_ids: may name videos that the artifact lacks, and leave out some that it has.

    Raises:
        DatasetError: a video has two rows, or the vectors of a feature differ in length.
    """
    source = pq.ParquetDataset(features)
    rows = _rows_of(source.read(columns=["video_id"]).column(0), video_ids)
    names: list[str] = []
    blocks: list[np.ndarray] = []
    for name in feature_views(features):
        column = source.read(columns=[name]).column(0)
        width = _vector_width(name, column)
        blocks.append(_scalars(column, rows) if width is None else _vectors(column, width, rows))
        names += [name] if width is None else [f"{name}[{position}]" for position in range(width)]
    return np.concatenate(blocks, axis=1), names


def feature_columns(names: list[str]) -> dict[str, list[int]]:
    """Which columns of ``dense_matrix`` hold a feature, by its name; a vector feature has several."""
    columns: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        columns.setdefault(re.sub(r"\[\d+\]$", "", name), []).append(position)
    return columns


def feature_views(features: Path) -> dict[str, str]:
    """The feature view of each feature of the privileged artifact, by the feature's name."""
    described = json.loads((features / FEATURES_FILE).read_text())["features"]
    return {name: facts["view"] for name, facts in described.items()}


def _rows_of(known: pa.ChunkedArray, video_ids: list[str]) -> np.ndarray:
    """The row of each video among the ``known`` ids, -1 where it has none."""
    known = known.cast(pa.string())
    if pc.count_distinct(known).as_py() < len(known):
        raise DatasetError("a video has two rows among the privileged features")
    found = pc.index_in(pa.array(video_ids, pa.string()), value_set=known)
    return found.fill_null(-1).to_numpy()


def _vector_width(name: str, column: pa.ChunkedArray) -> int | None:
    """The length of a feature's vectors; None if its values are scalars, or if there is not one vector."""
    if not isinstance(column.type, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return None
    lengths = pc.list_value_length(column).unique().drop_null().to_pylist()
    if len(lengths) > 1:
        raise DatasetError(f"the vectors of the feature {name} differ in length: {sorted(lengths)}")
    return lengths[0] if lengths else None


def _scalars(column: pa.ChunkedArray, rows: np.ndarray) -> np.ndarray:
    """float32 (rows, 1); the value of row -1 is the NaN behind the last."""
    if column.null_count == len(column):
        return np.full((len(rows), 1), np.nan, np.float32)
    values = column.cast(pa.float32(), safe=False).to_numpy()
    return np.append(values, np.float32(np.nan))[rows, None]


def _vectors(column: pa.ChunkedArray, width: int, rows: np.ndarray) -> np.ndarray:
    """float32 (rows, width); the vectors lie one behind the other, without those that are null."""
    valid = column.is_valid().to_numpy()
    flat = pc.list_flatten(column).cast(pa.float32(), safe=False).to_numpy().reshape(valid.sum(), width)
    place = np.append(np.where(valid, valid.cumsum() - 1, -1), -1)[rows]
    block = flat[place]
    block[place < 0] = np.nan
    return block
