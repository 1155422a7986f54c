"""A start out of two Hugging Face models: a vision tower and a text encoder, with new cross-attention between them."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import (
    CLIPVisionModel,
    DeiTModel,
    DistilBertModel,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    SwinModel,
    ViTModel,
)

from models.data.text import load_tokenizer
from models.networks.cross_modal import CROSS_ATTENTION, ENCODER_SIZES, ENCODERS, layer_name
from models.networks.vision import TOWER, TOWERS
from models.networks.xvlm import XVLMConfig
from models.settings import MODALITIES
from models.starts.distilbert import as_bert
from models.starts.model_folders import load_tensors, open_config, pixel_statistics
from models.starts.pretraining import XVLMForPretraining
from models.starts.weights import Conversion, WeightsError, require_new, save_start, start_from


class VisionModel(NamedTuple):
    """A tower of TOWERS, transformers' class of the same modules, and what of its config the function depends on."""

    tower: str
    model: Any
    sizes: tuple[str, ...]


SIDES = ("image_size", "patch_size")
SHARED = (*SIDES, "hidden_act", "layer_norm_eps")
PLAIN = (*SHARED, "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
STAGED = (
    *SHARED,
    "embed_dim",
    "depths",
    "num_heads",
    "window_size",
    "mlp_ratio",
    "qkv_bias",
    "use_absolute_embeddings",
)
CLIP = VisionModel("clip", CLIPVisionModel, PLAIN)
VISION = {
    "vit": VisionModel("vit", ViTModel, (*PLAIN, "qkv_bias")),
    "deit": VisionModel("deit", DeiTModel, (*PLAIN, "qkv_bias")),
    "swin": VisionModel("swin", SwinModel, STAGED),
    "clip": CLIP,
    "clip_vision_model": CLIP,
}
DISTILBERT = "distilbert"
TEXT = {kind: name for name, encoder in ENCODERS.items() for kind in encoder.model_types} | {DISTILBERT: "bert"}
LAYER = re.compile(r"^encoder\.layer\.(\d+)\.")
WORDS = "embeddings.word_embeddings.weight"
# Vocabularies are padded to multiples of at most this for speed: rows that no token has. More is another tokenizer.
PADDED_TO = 128


class Part(NamedTuple):
    """One of the two models: the arguments of its config, its tensors, and the names of those that are not used."""

    arguments: dict[str, Any]
    state: dict[str, Tensor]
    dropped: list[str]


def convert_huggingface(vision: Path | None, text: Path, folder: Path) -> Conversion:
    """Write a text model, and a vision model if given, as a folder to start from, whole or not at all.

    The lower half of the text layers reads text alone, the upper half also the frames, by a cross-attention of
    seeded random weights (Zeng et al., ICML 2022). Without ``vision`` it is a start for tasks that read no frames.

    Raises:
        WeightsError: the folder is there already; a model of another type, or not whole; another model's tokenizer.
        TextError: the text model's folder has no tokenizer, or one without the tokens that X-VLM needs.
    """
    require_new(folder)
    written = text_part(text)
    words = load_tokenizer(str(text))
    seen = Part({}, {}, []) if vision is None else vision_part(vision)
    dropped = [*seen.dropped, *written.dropped, *_fit(written, words, text)]
    fusion_layer = written.arguments["num_hidden_layers"] // 2
    config = XVLMConfig(
        vision=seen.arguments,
        text=written.arguments,
        fusion_layer=fusion_layer,
        modalities=[each for each in MODALITIES if vision is not None or each != "frames"],
        clips={} if vision is None else {"frames": 1, "image_size": seen.arguments["image_size"]},
        num_labels=2,
        untrained=[] if vision is None else [CROSS_ATTENTION],
    )
    torch.manual_seed(0)  # for cross-attention and heads, which neither model brings
    model = XVLMForPretraining.for_tokenizer(config, words)
    state = {f"xvlm.vision.{name}": values for name, values in seen.state.items()}
    for name, values in written.state.items():
        placed = LAYER.sub(lambda found: layer_name(int(found[1]), fusion_layer) + ".", name)
        state[f"xvlm.encoder.{placed}"] = values
    report = start_from(model, state, untrained=config.untrained)
    save_start(model, words, folder)
    return Conversion(report, tuple(dropped), _remarks(vision))


def vision_part(folder: Path) -> Part:
    """A tower's arguments, with the pixel statistics that it was trained with, and its tensors."""
    config = open_config(folder, VISION, "--vision")
    config = getattr(config, "vision_config", config)  # of a whole CLIP
    tower, model, sizes = VISION[config.model_type]
    arguments = {name: getattr(config, name) for name in sizes}
    arguments |= {name: _side(folder, name, arguments[name]) for name in SIDES}
    state, dropped = load_tensors(folder, model, TOWERS[tower][0](**arguments))
    return Part({TOWER: tower, **arguments, **pixel_statistics(folder)}, state, dropped)


def _side(folder: Path, name: str, value: Any) -> int:
    """Images and patches are squares: a config may name one side or both."""
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) != 1:
        raise WeightsError(f"the {name} of {folder} is {value}, and frames and patches are squares here")
    return sides.pop()


def text_part(folder: Path) -> Part:
    """A text encoder's arguments and its tensors, layers under ``encoder.layer.0`` and on."""
    config = open_config(folder, TEXT, "--text")
    encoder = TEXT[config.model_type]
    if config.model_type == DISTILBERT:
        state, dropped = load_tensors(folder, DistilBertModel, config)
        config, state = as_bert(config, state)
        return Part(_text_arguments(encoder, config), state, dropped)
    arguments = _text_arguments(encoder, config)
    sizes = {name: arguments[name] for name in ENCODER_SIZES}
    state, dropped = load_tensors(folder, ENCODERS[encoder].model, ENCODERS[encoder].config(**sizes))
    return Part(arguments, state, dropped)


def _text_arguments(encoder: str, config: PreTrainedConfig) -> dict[str, Any]:
    sizes = {name: getattr(config, name) for name in ENCODER_SIZES}
    return {"encoder": encoder, **sizes, "attention_probs_dropout_prob": 0.0}


def _fit(written: Part, words: PreTrainedTokenizerFast, folder: Path) -> list[str]:
    """Cut the word embeddings to the tokenizer; returns what was cut. Raises WeightsError if that is not padding."""
    rows, tokens = written.arguments["vocab_size"], len(words)
    if not tokens <= rows < tokens + PADDED_TO:
        raise WeightsError(
            f"the tokenizer in {folder} does not match its weights: it has {tokens} tokens, the weights {rows}: put "
            "the files of the model's own tokenizer there"
        )
    written.arguments["vocab_size"] = tokens
    written.state[WORDS] = written.state[WORDS][:tokens]
    return [f"{WORDS}[{row}]" for row in range(tokens, rows)]


def _remarks(vision: Path | None) -> tuple[str, ...]:
    if vision is None or pixel_statistics(vision):
        return ()
    return (f"{vision} names no image_mean and image_std (preprocessor_config.json): frames are normalised as CLIP's",)
