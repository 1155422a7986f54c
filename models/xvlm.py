"""X-VLM: the raw-input classifier (Zeng et al., ICML 2022; METHODS 2.1 to 2.6), from transformers parts."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, PreTrainedConfig, PreTrainedModel, SwinConfig, SwinModel
from transformers import initialization as init
from transformers.models.bert.modeling_bert import BertEmbeddings, BertLayer

from models.settings import StudentSettings

# X-VLM normalises with CLIP's statistics, also in front of Swin (METHODS 2.6).
PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_STD = (0.26862954, 0.26130258, 0.27577711)


class XVLMConfig(PreTrainedConfig):
    """Sizes of the towers, the classes, and the pre-processing that travels with the weights.

    ``vision`` and ``text`` are the arguments of SwinConfig and BertConfig; the first ``fusion_layer`` layers
    of ``text`` read text alone, the others also attend to the frames. ``clips`` and ``texts`` are the
    ClipSettings and TextSettings that the weights were trained with.
    """

    model_type = "cpfd-xvlm"

    def __init__(
        self,
        vision: dict[str, Any] | None = None,
        text: dict[str, Any] | None = None,
        fusion_layer: int = 6,
        clips: dict[str, Any] | None = None,
        texts: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.vision = vision or {}
        self.text = text or {}
        self.fusion_layer = fusion_layer
        self.clips = clips or {}
        self.texts = texts or {}
        super().__init__(**kwargs)

    @classmethod
    def from_settings(cls, settings: StudentSettings, vocabulary: int, **kwargs: Any) -> "XVLMConfig":
        """The config of one task: ``vocabulary`` is the tokenizer's size."""
        net, text = settings.network, settings.text
        return cls(
            vision={
                "image_size": settings.clips.image_size,
                "patch_size": net.patch_size,
                "embed_dim": net.vision_width,
                "depths": list(net.vision_depths),
                "num_heads": list(net.vision_heads),
                "window_size": net.window_size,
            },
            text={
                "vocab_size": vocabulary,
                "hidden_size": net.text_width,
                "num_attention_heads": net.text_heads,
                "num_hidden_layers": net.text_layers + net.cross_layers,
                "intermediate_size": 4 * net.text_width,
                "max_position_embeddings": text.title_tokens + text.overlay_tokens + 3,
                "hidden_dropout_prob": net.dropout,
                "attention_probs_dropout_prob": net.dropout,
            },
            fusion_layer=net.text_layers,
            clips=settings.clips.model_dump(),
            texts=text.model_dump(),
            id2label=dict(enumerate(settings.classes)),
            label2id={label: index for index, label in enumerate(settings.classes)},
            **kwargs,
        )

    @property
    def classes(self) -> list[str]:
        return [self.id2label[index] for index in range(len(self.id2label))]


def _cross_modal_layer(config: BertConfig, visual_width: int) -> nn.Module:
    """A BERT layer whose self-attention looks both ways and whose cross-attention reads visual tokens."""
    layer: Any = BertLayer(config)
    layer.attention.self.is_causal = False
    layer.crossattention.self.key = nn.Linear(visual_width, config.hidden_size)
    layer.crossattention.self.value = nn.Linear(visual_width, config.hidden_size)
    return layer


class CrossModalEncoder(nn.Module):
    """One BERT: the first layers read text, the rest also attend to visual tokens (METHODS 2.2).

    The layers are called one by one: going through BertModel would make self-attention causal.
    """

    def __init__(self, config: XVLMConfig, visual_width: int) -> None:
        super().__init__()
        attention = config._attn_implementation or "sdpa"
        text = BertConfig(**config.text, attn_implementation=attention)
        cross = BertConfig(**config.text, is_decoder=True, add_cross_attention=True, attn_implementation=attention)
        self.embeddings = BertEmbeddings(text)
        self.text_layers = nn.ModuleList(BertLayer(text) for _ in range(config.fusion_layer))
        cross_layers = text.num_hidden_layers - config.fusion_layer
        self.cross_layers = nn.ModuleList(_cross_modal_layer(cross, visual_width) for _ in range(cross_layers))

    def forward(self, input_ids: Tensor, attention_mask: Tensor, visual: Tensor) -> Tensor:
        """(B, L) tokens and (B, V, visual_width) visual tokens to (B, L, hidden) joint states."""
        states = self.embeddings(input_ids)
        padding = (1.0 - attention_mask[:, None, None, :].to(states.dtype)) * torch.finfo(states.dtype).min
        for layer in self.text_layers:
            states = layer(states, padding)
        for layer in self.cross_layers:
            states = layer(states, padding, encoder_hidden_states=visual)
        return states


class XVLMPreTrainedModel(PreTrainedModel):
    config_class: type[PreTrainedConfig] = XVLMConfig
    base_model_prefix = "xvlm"
    _supports_sdpa = True

    def _init_weights(self, module: nn.Module) -> None:
        """As transformers does; from_pretrained also relies on it to fill the buffers that are not saved."""
        super()._init_weights(module)
        if isinstance(module, BertEmbeddings):
            init.copy_(module.position_ids, torch.arange(module.position_ids.shape[-1]).expand((1, -1)))
            init.zeros_(module.token_type_ids)
        elif isinstance(module, XVLM):
            init.zeros_(module.frame_position)


class XVLM(XVLMPreTrainedModel):
    """Frames and text to one joint vector a video. Shared by the student and the teacher's raw branch."""

    def __init__(self, config: XVLMConfig) -> None:
        super().__init__(config)
        swin = SwinConfig(**config.vision, attn_implementation=config._attn_implementation or "sdpa")
        self.vision = SwinModel(swin, add_pooling_layer=False)
        width = self.vision.num_features
        self.frame_position = nn.Parameter(torch.zeros(1, config.clips["frames"], 1, width))
        self.encoder = CrossModalEncoder(config, width)
        self.post_init()

    def visual_tokens(self, frames: Tensor) -> Tensor:
        """uint8 frames (B, F, H, W, 3) to tokens (B, F x (1 + patches), width), frames side by side.

        Each frame gives the mean of its patch tokens, then the patch tokens (METHODS 2.1, 2.5).
        """
        batch, count = frames.shape[:2]
        pixels = frames.flatten(0, 1).to(self.frame_position.dtype) / 255
        pixels = (pixels - pixels.new_tensor(PIXEL_MEAN)) / pixels.new_tensor(PIXEL_STD)
        patches = self.vision(pixels.permute(0, 3, 1, 2)).last_hidden_state
        tokens = torch.cat([patches.mean(1, keepdim=True), patches], dim=1)
        return (tokens.unflatten(0, (batch, count)) + self.frame_position).flatten(1, 2)

    def forward(self, frames: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Joint representation (B, hidden): the first token after the cross-modal layers."""
        return self.encoder(input_ids, attention_mask, self.visual_tokens(frames))[:, 0]


def classification_head(width: int, classes: int) -> nn.Sequential:
    """X-VLM's head (METHODS 2.4): Linear to 2x width, LayerNorm, GELU, Linear."""
    return nn.Sequential(nn.Linear(width, 2 * width), nn.LayerNorm(2 * width), nn.GELU(), nn.Linear(2 * width, classes))


class XVLMForClassification(XVLMPreTrainedModel):
    """The baseline and the student: raw input in, class logits (B, C) out."""

    def __init__(self, config: XVLMConfig) -> None:
        super().__init__(config)
        self.xvlm = XVLM(config)
        self.head = classification_head(config.text["hidden_size"], len(config.id2label))
        self.post_init()

    def forward(self, frames: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.head(self.xvlm(frames, input_ids, attention_mask))
