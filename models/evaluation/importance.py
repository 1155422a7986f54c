"""What each privileged feature is worth to the teacher: permutation importance on rows that it did not train on.

Breiman 2001, "Random Forests", section 10; Fisher, Rudin and Dominici 2019, "All Models are Wrong, but Many are
Useful", which also shuffles groups of features. What another feature also says costs little alone: views are
shuffled as a whole for that. Raw input stays as it is, so a teacher's raw branch runs once. All features get the same
shuffles of the same rows, so that they compare; a missing value is shuffled like any other.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from models.data.dataset import Videos
from models.data.dense import dense_matrix, feature_columns
from models.data.run_data import RunData
from models.distillation.boosted import BoostedTeacher
from models.distillation.losses import label_loss
from models.evaluation.metrics import roc_auc
from models.evaluation.scoring import Scored, combine_teachers, scored_by
from models.networks.dfxvlm import DFXVLMForClassification
from models.training.devices import device
from models.training.new_networks import Teacher
from models.training.prediction import predict_logits
from models.training.settings import Recipe

REPEATS = 5  # shuffles a feature: what scikit-learn does by default, and enough for a standard deviation
MOST_ROWS = 5_000  # the standard error of a ROC-AUC is then about .01, and that of paired differences smaller


class Cost(BaseModel, frozen=True, extra="forbid"):
    """ROC-AUC lost and log loss (nats a row) gained by a shuffle: mean and standard deviation over shuffles."""

    roc_auc_drop: float
    roc_auc_drop_deviation: float
    log_loss_rise: float
    log_loss_rise_deviation: float


class FeatureCost(Cost):
    """The cost of one feature, whose columns are shuffled together if it is a vector; "" if its view is not known."""

    feature: str
    view: str


class ViewCost(Cost):
    """The cost of all features of a view, shuffled together."""

    view: str


class Importance(BaseModel, frozen=True, extra="forbid"):
    """What shuffles cost a teacher whose ``roc_auc`` (macro) and ``log_loss`` on the same ``rows`` are given.

    Without rows and features if the teacher sees raw input alone, or if a class has no row to judge by.
    """

    rows: int = 0
    repeats: int
    roc_auc: float | None = None
    log_loss: float | None = None
    features: list[FeatureCost] = []
    views: list[ViewCost] = []

    @property
    def sentence(self) -> str:
        if not self.features:
            return "no importance of privileged features can be measured"
        first = max(self.features, key=lambda each: each.roc_auc_drop)
        return (
            f"on {self.rows} tuning rows the teacher's ROC-AUC is {self.roc_auc:.4f}; of {len(self.features)} "
            f"features it leans most on {first.feature}: {first.roc_auc_drop:.4f} less when that is shuffled"
        )


def feature_importance(
    teachers: list[Teacher],
    data: RunData,
    features: Path,
    settings: Recipe,
    seed: int,
    views: Mapping[str, str],
    repeats: int = REPEATS,
    most_rows: int = MOST_ROWS,
    scored: Scored | None = None,
) -> Importance:
    """What it costs the teachers, taken together, when a feature's or a view's values are shuffled among rows.

    Judged on the tuning rows: no teacher trained on them (at most ``training.patience`` chose its epoch by them),
    and the evaluation rows stay untouched, so that nobody chooses features by the rows that judge the student.

    Args:
        teachers: fold by fold, ``distillation.repeats`` each.
        features: the privileged artifact.
        views: the view of each feature by its name; a feature without one, or with "", is in no group.
        most_rows: a larger split is sampled.
        scored: what ``scored_by`` found for these teachers, if it is known already.
    """
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(data.frame.split == "tuning")
    rows = rows[_sample(data.videos.labels.numpy()[rows], most_rows, rng)]
    videos = data.videos.select(rows)
    dense_teachers = [teacher for teacher in teachers if isinstance(teacher, DFXVLMForClassification)]
    boosted = settings.distillation.boosted
    if not (dense_teachers or boosted) or set(videos.labels.tolist()) != set(range(len(settings.classes))):
        return Importance(repeats=repeats)
    dense, names = dense_matrix(features, videos.video_ids)
    orders = [rng.permutation(len(videos)) for _ in range(repeats)]
    if boosted:
        scored = scored or scored_by(teachers, data, features, settings)
        boosted_panel = _BoostedPanel(scored.boosted, scored.raw[rows], videos, dense, orders)
        return boosted_panel.importance(feature_columns(names), views)
    panel = _NetworkPanel(dense_teachers, videos, dense, orders, settings)
    found = panel.importance(feature_columns(names), views)
    for teacher in dense_teachers:
        teacher.cpu()  # the device is free again
    return found


def _by_view(columns: Mapping[str, list[int]], views: Mapping[str, str]) -> dict[str, list[int]]:
    """The columns of all features of a view, by the view."""
    groups: dict[str, list[int]] = {}
    for name, own in columns.items():
        if views.get(name):
            groups.setdefault(views[name], []).extend(own)
    return groups


def _sample(labels: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """At most ``most`` of the labelled rows, in their order; a class that has rows keeps one of them."""
    order = rng.permutation(np.flatnonzero(labels >= 0))
    first = np.unique(labels[order], return_index=True)[1]
    return np.sort(np.concatenate([order[first], np.delete(order, first)])[:most])


class _RawBranch(nn.Module):
    """A teacher's raw branch as a network of its own, which ``predict_logits`` runs as any other."""

    inputs = ("input_ids", "attention_mask", "frames")

    def __init__(self, teacher: DFXVLMForClassification) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, input_ids: Tensor, attention_mask: Tensor, frames: Tensor | None = None) -> Tensor:
        return self.teacher.raw_states(input_ids, attention_mask, frames)


class _Panel:
    """Teachers that judge the same rows again and again, with dense values (N, D) in other ``orders``."""

    def __init__(self, labels: Tensor, dense: np.ndarray, orders: list[np.ndarray]) -> None:
        self.labels, self.dense, self.orders = labels, dense, orders
        self.intact = self._faults(dense)

    def scores(self, dense: np.ndarray) -> Tensor:
        """Log-probabilities (N, C) of the teachers' mean."""
        raise NotImplementedError

    def importance(self, columns: Mapping[str, list[int]], views: Mapping[str, str]) -> Importance:
        """Of the features that fill these columns."""
        return Importance(
            rows=len(self.labels),
            repeats=len(self.orders),
            roc_auc=-self.intact[0],
            log_loss=self.intact[1],
            features=[
                FeatureCost(feature=name, view=views.get(name, ""), **self._cost(own)) for name, own in columns.items()
            ],
            views=[ViewCost(view=view, **self._cost(own)) for view, own in _by_view(columns, views).items()],
        )

    def _cost(self, columns: list[int]) -> dict[str, float]:
        """The fields of a Cost, of shuffling ``columns`` together."""
        rises = []
        for order in self.orders:
            shuffled = self.dense.copy()
            shuffled[:, columns] = self.dense[:, columns][order]
            rises.append(self._faults(shuffled) - self.intact)
        (drop, rise), (drop_deviation, rise_deviation) = np.mean(rises, axis=0), np.std(rises, axis=0)
        return {
            "roc_auc_drop": drop,
            "roc_auc_drop_deviation": drop_deviation,
            "log_loss_rise": rise,
            "log_loss_rise_deviation": rise_deviation,
        }

    def _faults(self, dense: np.ndarray) -> np.ndarray:
        """ROC-AUC, negated, and log loss of the teachers' mean."""
        scores = self.scores(dense)
        log_loss = float(label_loss(scores, self.labels).mean())
        return np.array([-roc_auc(self.labels.numpy(), scores.exp().numpy()), log_loss])


class _BoostedPanel(_Panel):
    """Boosted teachers, over what their networks said of the rows (N, C)."""

    def __init__(
        self,
        teachers: list[BoostedTeacher],
        raw: np.ndarray,
        videos: Videos,
        dense: np.ndarray,
        orders: list[np.ndarray],
    ) -> None:
        self.teachers, self.raw = teachers, raw
        super().__init__(videos.labels, dense, orders)

    def scores(self, dense: np.ndarray) -> Tensor:
        said = np.stack([teacher.log_probabilities(dense, self.raw) for teacher in self.teachers])
        return combine_teachers(torch.from_numpy(said).double(), len(said))[1]


class _NetworkPanel(_Panel):
    """Networks with a branch of dense values, whose raw branch and wide path are run once."""

    def __init__(
        self,
        teachers: list[DFXVLMForClassification],
        videos: Videos,
        dense: np.ndarray,
        orders: list[np.ndarray],
        settings: Recipe,
    ) -> None:
        self.teachers, self.folds = teachers, settings.distillation.folds
        self.wide: list[Tensor | float] = []
        self.raw: list[Tensor] = []
        training = settings.training
        for teacher in teachers:
            states = predict_logits(_RawBranch(teacher), videos, training.batch_size, training.workers)
            self.raw.append(torch.from_numpy(states).to(device()))
            self.wide.append(0.0 if teacher.wide is None else teacher.wide.logits(videos.ngrams))
            teacher.cpu()  # the device holds one raw branch at a time, and the small parts of all
            for part in (teacher.scaler, teacher.dense_branch, teacher.head):
                part.to(device())
        super().__init__(videos.labels, dense, orders)

    @torch.inference_mode()
    def scores(self, dense: np.ndarray) -> Tensor:
        given = torch.from_numpy(dense).to(device())
        said = []
        for teacher, raw, wide in zip(self.teachers, self.raw, self.wide, strict=True):
            said.append(teacher.classify(raw, teacher.dense_states(given)).float().cpu() + wide)
        return combine_teachers(torch.stack(said).double(), self.folds)[1]
