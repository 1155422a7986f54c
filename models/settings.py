"""Settings of the networks and their input: what data, networks and starts are made by. A task file composes them."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

Modality = Literal["frames", "title", "overlay_text"]
Judge = Literal["f1", "macro_f1", "mcc"]
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


class WideSettings(BaseModel, frozen=True, extra="forbid"):
    """The wide path: a linear model over hashed n-grams of both texts, whose logits the network adds to (Cheng et al.
    2016, "Wide & Deep Learning").

    It is fitted before the network is trained, as a regularised logistic regression on the same targets. Few texts
    are enough for it, where a transformer from random weights memorises them.
    """

    words: tuple[int, int] = Field((1, 2), description="least and most words of an n-gram")
    characters: tuple[int, int] = Field((2, 5), description="least and most characters of an n-gram within a word")
    least_texts: int = Field(
        2, ge=1, description="an n-gram of fewer texts is left out: it says whose text it is alone"
    )
    buckets: int = Field(2**18, ge=2, description="places that words, and as many that characters, are hashed to")
    inverse_penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.25, 1.0, 4.0, 16.0),
        min_length=1,
        description="C of a logistic regression, of which each training takes what suits the tuning rows best",
    )
    folds: int = Field(5, ge=2, description="parts; the network learns what is left by models of the other parts")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for least, most in (self.words, self.characters):
            if not 1 <= least <= most:
                raise ValueError("words and characters need two numbers each, the least n first")
        return self


class NetworkSettings(BaseModel, frozen=True, extra="forbid"):
    """The network: a vision encoder, and a text encoder split into text and cross-modal layers.

    The defaults are X-VLM base; task files for a laptop name smaller sizes. A Swin encoder has one depth and
    one number of heads a stage, the others one of each. ``start`` is a folder of pre-trained weights
    ('cpfd pretrain', 'cpfd convert'), which brings its own sizes. Without ``wide`` (null) it is the paper's X-VLM.
    """

    start: str | None = None
    vision: Literal["swin", "clip", "vit", "deit"] = "swin"
    text: Literal["bert", "roberta"] = "bert"
    patch_size: int = Field(4, ge=1)
    window_size: int = Field(7, ge=1)
    vision_width: int = Field(128, ge=8, description="of the first Swin stage (it doubles with each), or of all others")
    vision_depths: tuple[int, ...] = (2, 2, 18, 2)
    vision_heads: tuple[int, ...] = (4, 8, 16, 32)
    text_width: int = Field(768, ge=8)
    text_heads: int = Field(12, ge=1)
    text_layers: int = Field(6, ge=1)
    cross_layers: int = Field(6, ge=1)
    dense_widths: tuple[int, ...] = (512, 256)
    wide: WideSettings | None = WideSettings()
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
        if self.vision != "swin" and len(self.vision_depths) != 1:
            raise ValueError(f"{self.vision} has one stage: give one number in vision_depths and in vision_heads")
        if self.text_width % self.text_heads:
            raise ValueError("text_width must be a multiple of text_heads")
        given = sorted(self.model_fields_set & START_SIZES)
        if self.start is not None and given:
            raise ValueError(f"the weights in network.start bring their own sizes: leave out {', '.join(given)}")
        return self


class OperatingPoint(BaseModel, frozen=True, extra="forbid"):
    """Where to decide on the rarer of two classes, where that is not left to what judges: one of the two.

    ``precision``: as often as so large a share of what is decided on is right; ``volume``: on so large a share of all
    videos, such as what reviewers have time for.
    """

    precision: float | None = Field(None, gt=0, lt=1)
    volume: float | None = Field(None, gt=0, lt=1)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.precision is None) == (self.volume is None):
            raise ValueError("must name a precision or a volume")
        return self


class ModelSettings(BaseModel, frozen=True, extra="forbid"):
    """What a network classifies, what it reads, and its sizes."""

    classes: tuple[str, ...] = Field(min_length=2)
    modalities: tuple[Modality, ...] = Field(MODALITIES, min_length=1)
    clips: ClipSettings = ClipSettings()
    text: TextSettings = TextSettings()
    network: NetworkSettings = NetworkSettings()

    @property
    def wide(self) -> WideSettings | None:
        """The wide path's settings; None without one, or without a text to read."""
        return None if self.modalities == ("frames",) else self.network.wide

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
