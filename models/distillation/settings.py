"""Settings of a distillation: the method with its own settings, and what all methods have in common."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from models.distillation.methods import CPFD, Method

if TYPE_CHECKING:  # it needs torch, which takes seconds to import, and every command reads settings
    from models.distillation.soft_targets import SoftTargets


class DistillationSettings(BaseModel, frozen=True, extra="forbid"):
    """What the student takes from the teacher.

    ``method`` is a name, or a name with the method's settings: ``{name: cpfd, temperature: 2, mapping: {name:
    threshold, threshold: 0.5}}`` (models/distillation/methods.py, mappings.py). ``folds`` = 1 switches out-of-fold
    soft targets off.
    """

    method: Method = CPFD()
    teacher: Literal["boosted", "network"] = Field(
        "boosted",
        description="of raw input and dense features: gradient boosting over a raw network, or the paper's DF-X-VLM",
    )
    calibrate: bool = Field(False, description="divide the teacher's logits by the temperature that fits the labels")
    folds: int = Field(3, ge=1, le=20)
    repeats: int = Field(1, ge=1, le=10, description="teachers a fold, from other seeds; their mean is the soft target")
    teacher_epochs: int | None = Field(None, ge=1, description="default: as many as the student's")
    student_epochs: int | None = Field(None, ge=1, description="default: as many as the baseline's")
    dense_absence: float = Field(0.0, ge=0, lt=1, description="share of rows a teacher trains on without dense values")
    unlabelled: bool = Field(False, description="also learn from the soft targets of videos without a label (alpha 1)")
    weak_teacher: Literal["stop", "accept"] = Field(
        "stop", description="when the teacher is surely worse than the baseline"
    )

    @property
    def boosted(self) -> bool:
        """Whether the teachers' networks see raw input alone, and dense values are boosted over what they say."""
        return self.teacher == "boosted" and self.method.teacher in ("raw and dense", None)

    def learned(self, targets: "SoftTargets") -> "SoftTargets":
        """The soft targets as the student learns them: calibrated, where these settings ask."""
        return targets.calibrated() if self.calibrate else targets
