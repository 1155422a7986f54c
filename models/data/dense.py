"""The privileged artifact as one matrix of numbers: a column a scalar feature, several a vector."""

import json
import re
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.preprocessing import QuantileTransformer

from common.artifacts import FEATURES_FILE
from common.errors import UserError

QUANTILES = 200  # of a feature, for linear models: finer than any effect that some thousand rows show


class DatasetError(UserError):
    """Rows that cannot become tensors. The message names the feature."""


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


class NormalQuantiles:
    """Dense values as a linear model takes them: quantiles of a normal distribution; a missing one is 0, and flagged.

    A feature without a value among the rows that this is fitted to is left out: nothing is learned of it.
    """

    def __init__(self, seed: int) -> None:
        self.scaler = QuantileTransformer(output_distribution="normal", random_state=seed)

    def fit(self, dense: np.ndarray) -> Self:
        """Values (N, D); what is not finite is missing."""
        self.known = np.isfinite(dense).any(axis=0)
        if self.known.any():
            self.scaler.set_params(n_quantiles=min(QUANTILES, len(dense))).fit(self.values(dense))
        return self

    def values(self, dense: np.ndarray) -> np.ndarray:
        """The features that are known (N, K) as they are, NaN where missing."""
        return np.where(np.isfinite(dense), dense, np.nan)[:, self.known]

    def transform(self, dense: np.ndarray) -> np.ndarray:
        """(N, D) to (N, 2 K)."""
        values = self.values(dense)
        return np.hstack([np.nan_to_num(self.scaler.transform(values)) if values.size else values, np.isnan(values)])


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
