"""Settings of a training, and the recipe of a run: everything that trains."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from models.distillation.settings import DistillationSettings
from models.settings import Judge, ModelSettings, OperatingPoint


class TrainingSettings(BaseModel, frozen=True, extra="forbid"):
    """One schedule for baseline, teacher and student: AdamW, warm-up, linear decay, as many epochs each.

    The defaults are those of fine-tuning X-VLM (Zeng et al., ICML 2022: weight decay, warm-up, twice the rate for the
    head) at the learning rate of CPFD's authors (Shi et al., CIKM 2024); laptop sizes name their own.

    A student that also learns from unlabelled videos takes more steps an epoch than the baseline. ``batch_size``
    is the number of videos a step, over all processes and accumulated parts.
    """

    epochs: int = Field(5, ge=1)
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-5, gt=0)
    head_factor: float = Field(2.0, gt=0, description="times the learning rate, for what pre-training did not bring")
    weight_decay: float = Field(0.01, ge=0)
    warmup_share: float = Field(0.1, ge=0, lt=1)
    gradient_clip: float = Field(1.0, gt=0)
    class_weights: bool = Field(False, description="weight the label loss by inverse class frequency")
    patience: int | None = Field(
        None,
        ge=1,
        description="stop after so many steps without a lower calibrated loss on the tuning rows (not in pre-training)",
    )
    least_steps: int = Field(100, ge=0, description="steps that patience waits for, as it does for the warm-up")
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    accumulation: int = Field(1, ge=1, description="parts that a batch is computed in, to save memory")
    gradient_checkpointing: bool = Field(False, description="compute activations twice to save memory")
    processes: int = Field(1, ge=1, description="processes on this machine, one a GPU (started by torchrun)")
    nodes: int = Field(1, ge=1, description="machines that train together, each with so many processes")
    workers: int = Field(0, ge=0, description="processes that read or decode clips ahead; 0 reads in the training")
    checkpoint_steps: int = Field(500, ge=1, description="steps between two checkpoints to resume from")


class Recipe(ModelSettings, frozen=True, extra="forbid"):
    """Everything that trains: what a training component is given."""

    training: TrainingSettings = TrainingSettings()
    distillation: DistillationSettings = DistillationSettings()
    judge: Judge = Field("f1", description="what thresholds are chosen for and models are judged by")
    operating_point: OperatingPoint | None = Field(None, description="where to decide; None: where ``judge`` is best")

    def of_labels(self) -> Self:
        """What a training on labels alone is a function of: recipes that differ in distillation share a baseline."""
        return self.model_copy(update={"distillation": DistillationSettings()})

    @model_validator(mode="after")
    def _point_of_two(self) -> Self:
        if self.operating_point is not None and len(self.classes) != 2:
            raise ValueError("operating_point is for two classes: of more, nobody decides on one alone")
        return self
