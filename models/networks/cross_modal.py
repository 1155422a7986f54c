"""The text encoder whose upper layers read the clip: BERT or RoBERTa, split in two (Zeng et al., ICML 2022)."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel
from transformers.models.bert.modeling_bert import BertCrossAttention, BertEmbeddings, BertLayer
from transformers.models.roberta.modeling_roberta import RobertaCrossAttention, RobertaEmbeddings, RobertaLayer


class TextEncoder(NamedTuple):
    """The parts of transformers that an encoder is made of.

    ``model`` is transformers' whole encoder of these parts, ``model_types`` are the names of those that differ from
    it in size and vocabulary alone. ``beyond_padding``: positions count from that id on.
    """

    config: Any
    embeddings: Any
    layer: Any
    cross_attention: Any
    model: Any
    model_types: tuple[str, ...]
    beyond_padding: bool = False

    def first_position(self, pad_token_id: int) -> int:
        return pad_token_id + 1 if self.beyond_padding else 0


ENCODERS = {
    "bert": TextEncoder(BertConfig, BertEmbeddings, BertLayer, BertCrossAttention, BertModel, ("bert",)),
    "roberta": TextEncoder(
        RobertaConfig, RobertaEmbeddings, RobertaLayer, RobertaCrossAttention, RobertaModel,
        ("roberta", "xlm-roberta", "camembert"), beyond_padding=True,
    ),
}  # fmt: skip
# What an encoder keeps of a published config: all that its function depends on.
ENCODER_SIZES = (
    "vocab_size", "hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size",
    "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id", "hidden_dropout_prob", "hidden_act",
)  # fmt: skip
CROSS_ATTENTION = "crossattention"
EMBEDDINGS = tuple(encoder.embeddings for encoder in ENCODERS.values())


def encoder_of(model_type: str | None) -> str:
    """The encoder that a model type of transformers names in full or as a part; bert if it names none."""
    named = [name for name in ENCODERS if name in (model_type or "")]
    return max(named, key=len, default="bert")


class CrossModalEncoder(nn.Module):
    """The first ``fusion_layer`` layers read text alone; the others also attend to visual tokens, if there are any.

    The layers are called one by one: going through BertModel would make self-attention causal.

    Args:
        arguments: ``encoder`` (a name of ENCODERS), and the arguments of its transformers config.
        fusion_layer: how many layers read text alone.
        visual_width: width of the visual tokens; None builds no cross-attention at all.
        attention: attention implementation of transformers.
    """

    def __init__(self, arguments: dict[str, Any], fusion_layer: int, visual_width: int | None, attention: str) -> None:
        super().__init__()
        config, embeddings, layer, self.cross_attention, *_ = ENCODERS[arguments["encoder"]]
        sizes = {name: value for name, value in arguments.items() if name != "encoder"}
        text = config(**sizes, attn_implementation=attention)
        self.embeddings = embeddings(text)
        self.text_layers = nn.ModuleList(layer(text) for _ in range(fusion_layer))
        count = text.num_hidden_layers - fusion_layer
        if visual_width is None:
            self.cross_layers = nn.ModuleList(layer(text) for _ in range(count))
        else:
            cross = config(**sizes, is_decoder=True, add_cross_attention=True, attn_implementation=attention)
            self.cross_layers = nn.ModuleList(_reading(layer(cross), visual_width) for _ in range(count))

    def text_states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(B, L) tokens to (B, L, hidden) states after the text layers."""
        states = self.embeddings(input_ids)
        padding = _padding(attention_mask, states)
        for layer in self.text_layers:
            states = layer(states, padding)
        return states

    def joint_states(self, states: Tensor, attention_mask: Tensor, visual: Tensor | None) -> Tensor:
        """(B, L, hidden) text states and (B, V, visual_width) visual tokens to (B, L, hidden) joint states."""
        return self._joined(self.cross_layers, states, _padding(attention_mask, states), visual)

    def joint_vector(self, states: Tensor, attention_mask: Tensor, visual: Tensor | None) -> Tensor:
        """The first token of ``joint_states``, (B, hidden), and of the last layer nothing else is computed."""
        padding = _padding(attention_mask, states)
        layers: list[Any] = list(self.cross_layers)
        last = layers.pop()
        states = self._joined(layers, states, padding, visual)
        first = states[:, :1]
        # Cross-attention, as transformers has it, is self-attention whose queries may be others than its keys.
        attended, _ = self.cross_attention.forward(last.attention.self, first, states, padding)
        joint = last.attention.output(attended, first)
        if visual is not None:
            joint, _ = last.crossattention(joint, encoder_hidden_states=visual)
        return last.feed_forward_chunk(joint)[:, 0]

    @staticmethod
    def _joined(layers: Iterable[Any], states: Tensor, padding: Tensor, visual: Tensor | None) -> Tensor:
        for layer in layers:
            states = layer(states, padding) if visual is None else layer(states, padding, encoder_hidden_states=visual)
        return states


def layer_name(layer: int, fusion_layer: int) -> str:
    """Where CrossModalEncoder has the layer of that number: ``text_layers.0`` and on, then ``cross_layers.0``."""
    return f"text_layers.{layer}" if layer < fusion_layer else f"cross_layers.{layer - fusion_layer}"


def _padding(attention_mask: Tensor, states: Tensor) -> Tensor:
    return (1.0 - attention_mask[:, None, None, :].to(states.dtype)) * torch.finfo(states.dtype).min


def _reading(layer: Any, visual_width: int) -> nn.Module:
    """A layer whose self-attention looks both ways and whose cross-attention reads visual tokens."""
    layer.attention.self.is_causal = False
    hidden = layer.crossattention.self.query.out_features
    layer.crossattention.self.key = nn.Linear(visual_width, hidden)
    layer.crossattention.self.value = nn.Linear(visual_width, hidden)
    return layer
