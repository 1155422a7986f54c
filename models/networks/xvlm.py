"""X-VLM: the raw-input classifier (Zeng et al., ICML 2022), from transformers parts."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers import initialization as init

from models.data.text import TextError, text_length
from models.networks.cross_modal import EMBEDDINGS, ENCODERS, CrossModalEncoder
from models.networks.vision import normalised, vision_tower
from models.networks.wide import WidePath, add_wide
from models.settings import MODALITIES, ModelSettings, NetworkSettings

PROJECTION = 256  # width of the official contrastive features (Zeng et al., ICML 2022)
WIDENING = 4  # of a transformer's feed-forward layers, in all official configs (Vaswani et al. 2017)
SPREAD = 0.02  # of the official weights before training: normal, of this standard deviation
BERT_BASE, SWIN_BASE = 768, 128  # widths of the official encoders: of BERT and ViT, of the first stage of Swin


class XVLMConfig(PreTrainedConfig):
    """Sizes of the towers, the classes, and the pre-processing that travels with the weights.

    ``vision`` names a tower and ``text`` an encoder, each with the arguments of its transformers config; a tower
    that was not trained with CLIP's pixel statistics brings its own (``pixel_mean``, ``pixel_std``). The
    first ``fusion_layer`` layers of ``text`` read text alone, the others also attend to the frames. Without
    ``frames`` among the ``modalities`` there is no vision tower. ``clips`` and ``texts`` are the ClipSettings
    and TextSettings that the weights were trained with; ``projection`` is the width of contrastive features.
    ``wide`` are the WideSettings, None without a wide path. ``untrained`` are parts of the names of tensors that a
    start has and no training has seen. Logits are divided by ``logit_temperature``.
    """

    model_type = "cpfd-xvlm"

    def __init__(
        self,
        vision: dict[str, Any] | None = None,
        text: dict[str, Any] | None = None,
        fusion_layer: int = 6,
        modalities: list[str] | None = None,
        clips: dict[str, Any] | None = None,
        texts: dict[str, Any] | None = None,
        projection: int = PROJECTION,
        untrained: list[str] | None = None,
        wide: dict[str, Any] | None = None,
        logit_temperature: float = 1.0,
        **kwargs: Any,
    ) -> None:
        self.vision = vision or {}
        self.text = text or {}
        self.fusion_layer = fusion_layer
        self.modalities = list(MODALITIES) if modalities is None else modalities
        self.clips = clips or {}
        self.texts = texts or {}
        self.projection = projection
        self.untrained = untrained or []
        self.wide = wide
        self.logit_temperature = logit_temperature
        super().__init__(**kwargs)

    @classmethod
    def from_settings(
        cls,
        settings: ModelSettings,
        tokenizer: PreTrainedTokenizerFast,
        start: "XVLMConfig | None" = None,
        **kwargs: Any,
    ) -> "XVLMConfig":
        """The config of one task, whose texts ``tokenizer`` reads; its sizes are those of ``start``, if given."""
        vision = _vision_arguments(settings) if start is None else _started_vision(settings, start)
        text = _text_arguments(settings, tokenizer) if start is None else _started_text(settings, tokenizer, start)
        return cls(
            vision=vision if "frames" in settings.modalities else {},
            text=text,
            initializer_range=_spread(text["hidden_size"], BERT_BASE),
            fusion_layer=settings.network.text_layers if start is None else start.fusion_layer,
            projection=PROJECTION if start is None else start.projection,
            modalities=list(settings.modalities),
            clips=settings.clips.model_dump(),
            texts=settings.text.model_dump(),
            wide=None if settings.wide is None else settings.wide.model_dump(),
            id2label=dict(enumerate(settings.classes)),
            label2id={label: index for index, label in enumerate(settings.classes)},
            **kwargs,
        )

    @property
    def classes(self) -> list[str]:
        return [self.id2label[index] for index in range(len(self.id2label))]

    @property
    def reads_frames(self) -> bool:
        return "frames" in self.modalities


def _spread(width: int, base: int) -> float:
    """The standard deviation of initial weights of layers so wide: that of the official network at its ``base`` width.

    At any width a layer so passes on as much of its input. At 0.02 throughout, one of width 64 passes on a sixth: the
    first token says next to nothing of the others, and some trainings never got over that.
    """
    return SPREAD * math.sqrt(base / width)


def _vision_arguments(settings: ModelSettings) -> dict[str, Any]:
    net: NetworkSettings = settings.network
    shared: dict[str, Any] = {"tower": net.vision, "image_size": settings.clips.image_size}
    shared["patch_size"] = net.patch_size
    shared["initializer_range"] = _spread(net.vision_width, SWIN_BASE if net.vision == "swin" else BERT_BASE)
    if net.vision != "swin":
        return shared | {
            "hidden_size": net.vision_width,
            "intermediate_size": WIDENING * net.vision_width,
            "num_hidden_layers": net.vision_depths[0],
            "num_attention_heads": net.vision_heads[0],
        }
    return shared | {
        "embed_dim": net.vision_width,
        "depths": list(net.vision_depths),
        "num_heads": list(net.vision_heads),
        "window_size": net.window_size,
    }


def _text_arguments(settings: ModelSettings, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    net: NetworkSettings = settings.network
    offset = ENCODERS[net.text].first_position(tokenizer.pad_token_id)
    return {
        "encoder": net.text,
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "hidden_size": net.text_width,
        "num_attention_heads": net.text_heads,
        "num_hidden_layers": net.text_layers + net.cross_layers,
        "intermediate_size": WIDENING * net.text_width,
        "max_position_embeddings": text_length(settings.text, settings.modalities) + offset,
        "hidden_dropout_prob": net.dropout,
        "attention_probs_dropout_prob": 0.0,  # with dropout, fused attention falls back to the slow way on a CPU
    }


def _started_vision(settings: ModelSettings, start: XVLMConfig) -> dict[str, Any]:
    """The start's tower at the task's image size, and at its window size if the task names one."""
    if "frames" in settings.modalities and not start.vision:
        raise TextError("the start weights were trained without frames, and the task reads frames")
    given = {"image_size": settings.clips.image_size}
    if "window_size" in settings.network.model_fields_set:
        given["window_size"] = settings.network.window_size
    return {**start.vision, **given}


def _started_text(settings: ModelSettings, tokenizer: PreTrainedTokenizerFast, start: XVLMConfig) -> dict[str, Any]:
    """The start's encoder with the task's dropout. Raises TextError if it has too few positions for the texts."""
    offset = ENCODERS[start.text["encoder"]].first_position(start.text["pad_token_id"])
    needed = text_length(settings.text, settings.modalities) + offset
    if needed > start.text["max_position_embeddings"]:
        raise TextError(
            f"the texts need {needed} positions and the start weights have {start.text['max_position_embeddings']}: "
            "lower text.title_tokens or text.overlay_tokens"
        )
    return {**start.text, "vocab_size": len(tokenizer), "hidden_dropout_prob": settings.network.dropout}


class XVLMPreTrainedModel(PreTrainedModel):
    """What all X-VLM networks share: their config, and how transformers saves, loads and initialises them."""

    config_class: type[PreTrainedConfig] = XVLMConfig
    base_model_prefix = "xvlm"
    _supports_sdpa = True

    def _init_weights(self, module: nn.Module) -> None:
        """As transformers does; from_pretrained also relies on it to fill the buffers that are not saved."""
        super()._init_weights(module)
        if isinstance(module, EMBEDDINGS):
            init.copy_(module.position_ids, torch.arange(module.position_ids.shape[-1]).expand((1, -1)))
            init.zeros_(module.token_type_ids)
        elif isinstance(module, XVLM) and module.config.reads_frames:
            init.zeros_(module.frame_position)
        elif isinstance(module, WidePath):
            init.ones_(module.idf)
            init.zeros_(module.weight)
            init.zeros_(module.bias)


class XVLM(XVLMPreTrainedModel):
    """Frames and text to one joint vector a video. Shared by the student and the teacher's raw branch."""

    def __init__(self, config: XVLMConfig) -> None:
        super().__init__(config)
        attention = config._attn_implementation or "sdpa"
        width = None
        if config.reads_frames:
            self.vision = vision_tower(config.vision, attention)
            width = self.vision.width
            self.frame_position = nn.Parameter(torch.zeros(1, config.clips["frames"], 1, width))
        self.encoder = CrossModalEncoder(config.text, config.fusion_layer, width, attention)
        self.post_init()

    def visual_tokens(self, frames: Tensor) -> Tensor:
        """uint8 frames (B, F, H, W, 3) to tokens (B, F x (1 + patches), width), frames side by side.

        Each frame gives its class token, then its patch tokens.
        """
        batch, count = frames.shape[:2]
        # Channels first before the arithmetic: over rows of three numbers it would take ten times as long.
        pixels = frames.flatten(0, 1).permute(0, 3, 1, 2).contiguous().to(self.frame_position.dtype)
        tokens = self.vision.tokens(normalised(pixels, self.config.vision))
        return (tokens.unflatten(0, (batch, count)) + self.frame_position).flatten(1, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, frames: Tensor | None = None) -> Tensor:
        """Joint representation (B, hidden): the first token after all layers."""
        visual = None if frames is None else self.visual_tokens(frames)
        states = self.encoder.text_states(input_ids, attention_mask)
        return self.encoder.joint_vector(states, attention_mask, visual)


def classification_head(width: int, classes: int) -> nn.Sequential:
    """X-VLM's head, as its official code has it: Linear to 2x width, LayerNorm, GELU, Linear."""
    return nn.Sequential(nn.Linear(width, 2 * width), nn.LayerNorm(2 * width), nn.GELU(), nn.Linear(2 * width, classes))


def wide_path(config: XVLMConfig) -> WidePath | None:
    """The wide path that the config asks for, before it is fitted."""
    return None if config.wide is None else WidePath(config.wide["buckets"], len(config.id2label))


class XVLMForClassification(XVLMPreTrainedModel):
    """The baseline and the student: raw input in, class logits (B, C) out, to which a wide path adds its own."""

    inputs = ("input_ids", "attention_mask", "frames", "ngrams", "ngram_counts", "wide_logits")

    def __init__(self, config: XVLMConfig) -> None:
        super().__init__(config)
        self.xvlm = XVLM(config)
        self.head = classification_head(config.text["hidden_size"], len(config.id2label))
        self.wide = wide_path(config)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, frames: Tensor | None = None, **wide: Tensor
    ) -> Tensor:
        """``wide`` is what a wide path reads, ``ngrams`` and ``ngram_counts`` (B, M), or its ``wide_logits`` (B, C)."""
        logits = add_wide(self.head(self.xvlm(input_ids, attention_mask, frames)), self.wide, wide)
        return logits / self.config.logit_temperature
