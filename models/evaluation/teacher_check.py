"""Whether the teacher is worth distilling: against the baseline, on the tuning rows."""

import numpy as np
from pydantic import BaseModel

from models.distillation.settings import DistillationSettings
from models.evaluation.judging import EvaluationError
from models.evaluation.metrics import roc_auc
from models.evaluation.resampling import FEWEST_GROUPS, interval, ranking_differences, weighted_roc_auc


class TeacherComparison(BaseModel, frozen=True, extra="forbid"):
    """ROC-AUC of baseline and teacher on the tuning rows.

    ``interval`` is the 95 % interval of the teacher's less the baseline's over paired resamples of the groups; None
    where there are fewer than 6. ``by_group`` where rows of one group were drawn together; else each is its own.
    """

    baseline: float
    teacher: float
    rows: int
    groups: int
    interval: tuple[float, float] | None
    by_group: bool

    @property
    def surely_worse(self) -> bool:
        """Whether the teacher is behind in nearly all resamples. Too few groups never say so."""
        return self.interval is not None and self.interval[1] < 0

    @property
    def sentence(self) -> str:
        """What was found, and how sure it is."""
        if self.interval is None:
            counted = f"{self.groups} {'group' if self.by_group else 'row'}{'s' if self.groups > 1 else ''}"
            sure = f"too few to say whether that is chance: {counted}, {FEWEST_GROUPS} are needed"
        else:
            low, high = self.interval
            how = "by group" if self.by_group else "one by one"
            sure = f"95 % interval {low:+.4f} to {high:+.4f}, rows resampled {how}"
        return (
            f"on the {self.rows} tuning rows the teacher's ROC-AUC is {self.teacher:.4f}, the baseline's "
            f"{self.baseline:.4f}: a difference of {self.teacher - self.baseline:+.4f} ({sure})"
        )

    def require(self, distillation: DistillationSettings) -> None:
        """Raise EvaluationError if the teacher is surely the worse one, unless the settings accept it."""
        if self.surely_worse and distillation.weak_teacher == "stop":
            raise EvaluationError(
                f"the teacher is worse than the baseline: {self.sentence}. There is nothing to distil: look at its "
                "features and epochs, or set distillation.weak_teacher to accept"
            )


def compare_teacher(
    probabilities: dict[str, np.ndarray], labels: np.ndarray, groups: np.ndarray, seed: int = 0
) -> TeacherComparison:
    """Whether the teacher ranks better than the baseline.

    Args:
        probabilities: (N, C) by model name, of the tuning rows.
        labels: (N,) class indices.
        groups: (N,) which rows belong together; as many groups as rows where none do.
        seed: of the resamples. They are the same whatever the run's seed, as nothing is chosen by them.
    """
    absent = set(range(probabilities["baseline"].shape[1])) - set(labels.tolist())
    if absent:
        raise EvaluationError(
            f"no tuning row has the class with index {', '.join(map(str, sorted(absent)))}: widen the window or raise "
            "window.tuning_share"
        )
    teacher, baseline = probabilities["teacher"], probabilities["baseline"]
    count = len(np.unique(groups))
    enough = count >= FEWEST_GROUPS
    return TeacherComparison(
        baseline=roc_auc(labels, baseline),
        teacher=roc_auc(labels, teacher),
        rows=len(labels),
        groups=count,
        interval=interval(ranking_differences(weighted_roc_auc, labels, teacher, baseline, groups, seed))
        if enough
        else None,
        by_group=count < len(groups),
    )
