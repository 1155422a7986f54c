"""What is judged: predictions of several models on the same rows, and what is known of these rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from common.errors import UserError
from models.evaluation.cost import AnswerCost
from models.evaluation.judging import MODELS, reference_of
from models.evaluation.metrics import JUDGES, Ruler
from models.evaluation.resampling import GroupCounts
from promotion.gate.policy import Policy

SEED = 0  # of swaps and resamples: the same case is always decided alike


class GateError(UserError):
    """What the gate was given cannot be judged. The message names it."""


@dataclass(frozen=True)
class Predictions:
    """One model on the evaluation rows: class probabilities (N, C), and the class decided on (N,)."""

    probabilities: np.ndarray
    decisions: np.ndarray


@dataclass(frozen=True)
class Case:
    """Student, baseline, teacher, simple peers and, if there is one, the champion on the same N evaluation rows.

    ``labels`` (N,) are class indices, ``groups`` (N,) say which rows are alike, ``slices`` (N,) by what they cut by.
    ``peers`` are the names of the models that anyone would try first. ``changed`` are the settings that are not the
    champion's. ``champion`` is its version, '' for none; ``lost`` says why it cannot be scored, if so. ``look`` counts
    the candidates judged on these rows, this one included. ``warnings`` are those of the checks of the data,
    ``answers`` what one of the student and of the champion costs.
    """

    labels: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]
    ruler: Ruler
    models: Mapping[str, Predictions]
    peers: Sequence[str] = ()
    slices: Mapping[str, np.ndarray] = field(default_factory=dict)
    policy: Policy = "change"
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    champion: str = ""
    lost: str = ""
    look: int = 1
    warnings: Sequence[str] = ()
    answers: Mapping[str, AnswerCost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*MODELS, *self.peers):
            if name not in self.models:
                raise GateError(f"there are no predictions of {name}: the gate judges nothing without them")
        rows = len(self.labels)
        for name, each in self.models.items():
            if each.probabilities.shape != (rows, len(self.classes)) or each.decisions.shape != (rows,):
                raise GateError(
                    f"the predictions of {name} are not of these {rows} rows and {len(self.classes)} classes"
                )
            if not np.isfinite(each.probabilities).all():
                raise GateError(f"{name} has scores that are no numbers: nothing can be judged by them")
        for name, values in {"groups": self.groups, **self.slices}.items():
            if len(values) != rows:
                raise GateError(f"{name} are not of these {rows} rows")
        if absent := [label for index, label in enumerate(self.classes) if index not in self.labels]:
            raise GateError(f"no evaluation row has the class {', '.join(absent)}: widen the window")

    @property
    def title(self) -> str:
        """What people call what judges."""
        return JUDGES[self.ruler.judge].title

    @property
    def reference(self) -> str:
        """Who serves if the student does not."""
        return reference_of(self.models)

    @cached_property
    def counts(self) -> GroupCounts:
        """Of all models, in their order."""
        decisions = [each.decisions for each in self.models.values()]
        return GroupCounts.of(self.labels, decisions, len(self.classes), self.groups)

    def place(self, model: str) -> int:
        return list(self.models).index(model)

    def judged(self, model: str) -> float:
        """What judges, of all rows."""
        return float(self.ruler.values(self.counts.total[self.place(model)]))

    @cached_property
    def positives(self) -> int:
        """Rows of the rarest class."""
        return int(np.bincount(self.labels, minlength=len(self.classes)).min())
