"""Settings of a distillation: the method with its own settings, and what all methods have in common."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, field_validator

from models.distillation.methods import CPFD, Method

if TYPE_CHECKING:  # it needs torch, which takes seconds to import, and every command reads settings
    from models.distillation.soft_targets import SoftTargets


class UnlabelledSettings(BaseModel, frozen=True, extra="forbid"):
    """Videos without a label that a student also learns from, by their soft targets alone (alpha 1)."""

    most: int | None = Field(None, ge=1, description="how many; default: all that the window has")
    choice: Literal["random", "surest"] = Field(
        "random", description="which, if there are more: drawn at random, or those of which the teacher is surest"
    )
    weight: float = Field(1.0, gt=0, description="of such a video, where a labelled one has 1")

    def count(self, there: int) -> int:
        """How many of those that are there."""
        return there if self.most is None else min(there, self.most)


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
    unlabelled: UnlabelledSettings | None = Field(
        None, description="also learn from videos without a label: true for all, or which of them (UnlabelledSettings)"
    )
    weak_teacher: Literal["stop", "accept"] = Field(
        "stop", description="when the teacher is surely worse than the baseline"
    )

    @field_validator("unlabelled", mode="before")
    @classmethod
    def _by_yes_or_no(cls, given: Any) -> Any:
        return (UnlabelledSettings() if given else None) if isinstance(given, bool) else given

    @property
    def boosted(self) -> bool:
        """Whether the teachers' networks see raw input alone, and dense values are boosted over what they say."""
        return self.teacher == "boosted" and self.method.teacher in ("raw and dense", None)

    def learned(self, targets: "SoftTargets") -> "SoftTargets":
        """The soft targets as the student learns them: calibrated, where these settings ask."""
        return targets.calibrated() if self.calibrate else targets
