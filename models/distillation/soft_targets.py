"""What the teachers said of every video, computed once and stored: numbers, no dense feature."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from scipy.optimize import minimize_scalar
from torch.nn.functional import cross_entropy

# Where the temperature of a calibration is sought: beyond these logits are all but one-hot, or all but even.
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class SoftTargets:
    """The teacher's word on each video: log-probabilities (N, C).

    ``labels`` (N,) is -1 where there is none; ``folds`` (N,) is the fold whose teacher did not train on the
    video; -1 where no teacher trained on it, and for all where there is one fold: in-sample soft targets.
    """

    video_ids: list[str]
    logits: np.ndarray
    labels: np.ndarray
    folds: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "SoftTargets":
        table = pq.read_table(path)
        logits = np.array(table["logits"].to_pylist(), np.float32)
        return cls(table["video_id"].to_pylist(), logits, table["label"].to_numpy(), table["fold"].to_numpy())

    def table(self) -> pa.Table:
        """With the teacher's loss, NaN without a label, for whoever reads the file."""
        return pa.table(
            {
                "video_id": self.video_ids,
                "logits": self.logits.tolist(),
                "loss": self.loss,
                "label": self.labels,
                "fold": self.folds,
            }
        )

    def select(self, video_ids: list[str]) -> "SoftTargets":
        """Those of these videos, in this order. Raises KeyError for a video without one."""
        position = {video_id: row for row, video_id in enumerate(self.video_ids)}
        rows = [position[video_id] for video_id in video_ids]
        return SoftTargets(list(video_ids), self.logits[rows], self.labels[rows], self.folds[rows])

    @property
    def labelled(self) -> np.ndarray:
        return self.labels >= 0

    @property
    def loss(self) -> np.ndarray:
        """The teacher's cross-entropy with the label at T = 1, NaN without one: what alpha is made of."""
        chosen = np.take_along_axis(_log_softmax(self.logits), np.maximum(self.labels, 0)[:, None], axis=1)[:, 0]
        return np.where(self.labelled, -chosen, np.nan).astype(np.float32)

    @property
    def right(self) -> np.ndarray:
        """Whether the class that the teacher gives the most is the label."""
        return self.logits.argmax(1) == self.labels

    def calibrated(self) -> "SoftTargets":
        """With logits divided by the one temperature that explains the labels best.

        Out of fold, the logits of a labelled video come from a teacher that did not see its label, so that the
        temperature is an honest one; a single number cannot memorise any video's label.
        """
        temperature = fitted_temperature(self.logits[self.labelled], self.labels[self.labelled])
        return replace(self, logits=_log_softmax(self.logits / temperature).astype(np.float32))


def fitted_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """What logits (N, C) are divided by to explain the labels (N,) best (Guo et al., ICML 2017)."""
    given, truth = torch.from_numpy(logits).double(), torch.from_numpy(labels).long()
    low, high = np.log(TEMPERATURES)
    found = minimize_scalar(
        lambda log: float(cross_entropy(given / np.exp(log), truth)), bounds=(low, high), method="bounded"
    )
    return float(np.exp(found.x))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).log_softmax(1).numpy()
