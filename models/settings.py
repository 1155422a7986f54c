"""Settings of the networks, their input and their training. A task file composes them."""

from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

Modality = Literal["frames", "title", "overlay_text"]
MODALITIES: tuple[Modality, ...] = ("frames", "title", "overlay_text")


START_SIZES = {
    "vision", "text", "patch_size", "vision_width", "vision_depths", "vision_heads",
    "text_width", "text_heads", "text_layers", "cross_layers",
}  # fmt: skip


class ClipSettings(BaseModel, frozen=True, extra="forbid"):
    """How a video becomes a clip: ``frames`` RGB frames of ``image_size`` x ``image_size`` pixels.

    ``stored`` clips are decoded once, into a file that all trainings share; others each time they are read, by
    the workers of the training, for corpora whose clips would not fit on the disk.
    """

    frames: int = Field(8, ge=1, le=64)
    image_size: int = Field(224, ge=16, le=1024)
    longest_video: int = Field(5_000, ge=1, description="frames after which a video is refused as too long")
    stored: bool = True


class TextSettings(BaseModel, frozen=True, extra="forbid"):
    """Token budgets of the two texts, and where tokens come from.

    ``tokenizer`` is a name on the hub or a folder; without one a vocabulary is learned from the training rows.
    """

    title_tokens: int = Field(40, ge=1)
    overlay_tokens: int = Field(88, ge=1)
    vocabulary: int = Field(8_000, ge=64, description="size of a learned vocabulary")
    tokenizer: str | None = None


class NetworkSettings(BaseModel, frozen=True, extra="forbid"):
    """The network: a vision encoder, and a text encoder split into text and cross-modal layers.

    The defaults are X-VLM base; task files for a laptop name smaller sizes. A Swin encoder has one depth and
    one number of heads a stage, a CLIP-ViT one of each. ``start`` is a folder of pre-trained weights
    ('cpfd pretrain', 'cpfd convert'), which brings its own sizes.
    """

    start: str | None = None
    vision: Literal["swin", "clip"] = "swin"
    text: Literal["bert", "roberta"] = "bert"
    patch_size: int = Field(4, ge=1)
    window_size: int = Field(7, ge=1)
    vision_width: int = Field(128, ge=8, description="of the first Swin stage (it doubles with each), or of all CLIP")
    vision_depths: tuple[int, ...] = (2, 2, 18, 2)
    vision_heads: tuple[int, ...] = (4, 8, 16, 32)
    text_width: int = Field(768, ge=8)
    text_heads: int = Field(12, ge=1)
    text_layers: int = Field(6, ge=1)
    cross_layers: int = Field(6, ge=1)
    dense_widths: tuple[int, ...] = (512, 256)
    dropout: float = Field(0.1, ge=0, lt=1)

    @model_serializer(mode="wrap")
    def _without_sizes_of_a_start(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is written can be read again: sizes that the start brings are not written as if they were given."""
        written = handler(self)
        if self.start is None:
            return written
        brought = START_SIZES | ({"window_size"} - self.model_fields_set)
        return {name: value for name, value in written.items() if name not in brought}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.vision_depths) != len(self.vision_heads):
            raise ValueError("vision_depths and vision_heads need one number a stage each")
        if self.vision == "clip" and len(self.vision_depths) != 1:
            raise ValueError("a CLIP encoder has one stage: give one number in vision_depths and in vision_heads")
        if self.text_width % self.text_heads:
            raise ValueError("text_width must be a multiple of text_heads")
        given = sorted(self.model_fields_set & START_SIZES)
        if self.start is not None and given:
            raise ValueError(f"the weights in network.start bring their own sizes: leave out {', '.join(given)}")
        return self


class TrainingSettings(BaseModel, frozen=True, extra="forbid"):
    """One schedule for baseline, teacher and student: AdamW, warm-up, linear decay, as many epochs each.

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
        description="stop after so many epochs without a better threshold loss (not in pre-training)",
    )
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    accumulation: int = Field(1, ge=1, description="parts that a batch is computed in, to save memory")
    gradient_checkpointing: bool = Field(False, description="compute activations twice to save memory")
    processes: int = Field(1, ge=1, description="processes on this machine, one a GPU (started by torchrun)")
    workers: int = Field(0, ge=0, description="processes that read or decode clips ahead; 0 reads in the training")
    checkpoint_steps: int = Field(500, ge=1, description="steps between two saved states to go on from")


class DistillationSettings(BaseModel, frozen=True, extra="forbid"):
    """What the student takes from the teacher.

    ``alpha`` is the one weight of methods that trust all samples alike. CPFD's ``mapping`` takes its constants
    from here where they are given, and else from the teacher's losses by the rules in
    ``models/distillation/mappings.py``:
    ``threshold``; ``slope`` and ``centre`` (negative_sigmoid, tanh); ``loss_min`` and ``loss_max``
    (exponential_decay). ``folds`` = 1 switches out-of-fold soft targets off.
    """

    method: str = "cpfd"
    mapping: str = "exponential_decay"
    temperature: float = Field(1.0, gt=0)
    alpha: float = Field(0.5, ge=0, le=1)
    alpha_min: float = Field(0.1, gt=0, le=1)
    alpha_max: float = Field(0.9, gt=0, le=1)
    threshold: float | None = Field(None, gt=0)
    slope: float | None = Field(None, gt=0)
    centre: float | None = Field(None, ge=0)
    loss_min: float | None = Field(None, ge=0)
    loss_max: float | None = Field(None, gt=0)
    class_conditional: bool = Field(False, description="fit the mapping to each class's losses alone")
    calibrate: bool = Field(False, description="divide the teacher's logits by the temperature that fits the labels")
    folds: int = Field(3, ge=1, le=20)
    repeats: int = Field(1, ge=1, le=10, description="teachers a fold, from other seeds; their mean is the soft target")
    teacher_epochs: int | None = Field(None, ge=1, description="default: as many as the student's")
    student_epochs: int | None = Field(None, ge=1, description="default: as many as the baseline's")
    dense_absence: float = Field(0.0, ge=0, lt=1, description="share of rows a teacher trains on without dense values")
    unlabelled: bool = Field(False, description="also learn from the soft targets of videos without a label (alpha 1)")
    weak_teacher: Literal["stop", "accept"] = Field("stop", description="when the teacher is worse than the baseline")

    @field_validator("method")
    @classmethod
    def _known_method(cls, name: str) -> str:
        from models.distillation.methods import METHODS  # the methods stand on these settings

        if name not in METHODS:
            raise ValueError(f"there is no method {name}: there are {', '.join(METHODS)}")
        return name

    @field_validator("mapping")
    @classmethod
    def _known_mapping(cls, name: str) -> str:
        from models.distillation.mappings import MAPPINGS  # the mappings stand on these settings

        if name not in MAPPINGS:
            raise ValueError(f"there is no mapping {name}: there are {', '.join(MAPPINGS)}")
        return name

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.alpha_min > self.alpha_max:
            raise ValueError("alpha_min must not be above alpha_max")
        if self.loss_min is not None and self.loss_max is not None and self.loss_min >= self.loss_max:
            raise ValueError("loss_min must be below loss_max")
        return self


class Recipe(BaseModel, frozen=True, extra="forbid"):
    """Everything that trains: what a training component is given."""

    classes: tuple[str, ...] = Field(min_length=2)
    modalities: tuple[Modality, ...] = Field(MODALITIES, min_length=1)
    clips: ClipSettings = ClipSettings()
    text: TextSettings = TextSettings()
    network: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    distillation: DistillationSettings = DistillationSettings()

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        net = self.network
        smallest = self.clips.image_size // net.patch_size // 2 ** (len(net.vision_depths) - 1)
        if "frames" in self.modalities and net.start is None and net.vision == "swin" and smallest < net.window_size:
            raise ValueError(
                f"frames of {self.clips.image_size} pixels leave {smallest} x {smallest} patches to the last of "
                f"{len(net.vision_depths)} stages, less than network.window_size {net.window_size}"
            )
        return self
