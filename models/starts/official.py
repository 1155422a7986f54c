"""The official X-VLM's layout: its config files and tensor names, in ours (github.com/zengyan-97/X-VLM)."""

import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.data.text import load_tokenizer
from models.networks.cross_modal import ENCODER_SIZES, encoder_of, layer_name
from models.networks.xvlm import PROJECTION, WIDENING, XVLMConfig
from models.starts.pretraining import XVLMForPretraining
from models.starts.weights import Conversion, WeightsError, read_official, renamed, require_new, save_start, start_from

SWIN_PATCH = 4  # pixels; the official vision configs leave it to the code (Liu et al., ICCV 2021)
# Buffers that are computed, heads of tasks that are not ours, and a decoder tied to the embeddings.
DROPPED = re.compile(
    r"relative_position_index$|attn_mask$|position_ids$|^bbox_head\.|\.attn\.mask$|cls\.predictions\.decoder\."
)
RENAMED = (
    (r"^vision_encoder\.patch_embed\.proj\.", "xvlm.vision.embeddings.patch_embeddings.projection."),
    (r"^vision_encoder\.patch_embed\.norm\.", "xvlm.vision.embeddings.norm."),
    (r"^vision_encoder\.patch_embed\.weight$", "xvlm.vision.embeddings.patch_embedding.weight"),
    (r"^vision_encoder\.pos_embed\.", "xvlm.vision.embeddings.position_embedding."),
    (r"^vision_encoder\.class_embedding$", "xvlm.vision.embeddings.class_embedding"),
    (r"^vision_encoder\.norm\.", "xvlm.vision.layernorm."),
    (r"^vision_encoder\.layers\.(\d+)\.(blocks|downsample)", r"xvlm.vision.encoder.layers.\1.\2"),
    (r"^vision_encoder\.", "xvlm.vision."),
    (r"(blocks\.\d+)\.norm1\.", r"\1.layernorm_before."),
    (r"(blocks\.\d+)\.norm2\.", r"\1.layernorm_after."),
    (r"(blocks\.\d+)\.attn\.proj\.", r"\1.attention.o_proj."),
    (
        r"(blocks\.\d+)\.attn\.relative_position_bias_table$",
        r"\1.attention.relative_position_bias.relative_position_bias_table",
    ),
    (r"^text_encoder\.cls\.predictions\.transform\.dense\.", "masked_language.dense."),
    (r"^text_encoder\.cls\.predictions\.transform\.LayerNorm\.", "masked_language.norm."),
    (r"^text_encoder\.cls\.predictions\.bias$", "masked_language.bias"),
    (r"^text_encoder\.lm_head\.dense\.", "masked_language.dense."),
    (r"^text_encoder\.lm_head\.layer_norm\.", "masked_language.norm."),
    (r"^text_encoder\.lm_head\.bias$", "masked_language.bias"),
    (r"^text_encoder\.(?:\w+\.)?embeddings\.", "xvlm.encoder.embeddings."),
    (r"^itm_head\.", "matching_head."),
    (r"^cls_head\.", "head."),
    (r"^temp$", "temperature"),
)
LAYER = re.compile(r"^text_encoder\.(?:\w+\.)?encoder\.layer\.(\d+)\.(.+)$")
QKV = re.compile(r"^(.*blocks\.\d+)\.attn\.qkv\.(weight|bias)$")


def official_config(vision: dict[str, Any], text: dict[str, Any], projection: int = PROJECTION) -> XVLMConfig:
    """Our config out of the official ``vision_config.json`` and ``text_config.json``.

    ``projection`` is the width of the contrastive features, which no config file names.

    Raises:
        WeightsError: a key that is needed is not there.
    """
    try:
        size, layers = vision["image_res"], text["num_hidden_layers"]
        arguments = {name: text[name] for name in ENCODER_SIZES if name in text}
        return XVLMConfig(
            vision=_swin(vision, size) if "window_size" in vision else _clip(vision, size),
            text={"encoder": encoder_of(text.get("model_type")), **arguments, "attention_probs_dropout_prob": 0.0},
            fusion_layer=text.get("fusion_layer", layers // 2),
            clips={"frames": 1, "image_size": size},
            projection=projection,
            num_labels=2,
        )
    except KeyError as error:
        raise WeightsError(f"the official config has no {error}: give the files that came with the weights") from error


def _swin(vision: dict[str, Any], size: int) -> dict[str, Any]:
    shared = {name: vision[name] for name in ("embed_dim", "depths", "num_heads", "window_size")}
    return {"tower": "swin", "image_size": size, "patch_size": SWIN_PATCH, **shared}


def _clip(vision: dict[str, Any], size: int) -> dict[str, Any]:
    width = vision["vision_width"]
    return {
        "tower": "clip",
        "image_size": size,
        "patch_size": vision["patch_size"],
        "hidden_size": width,
        "intermediate_size": vision.get("intermediate_size", WIDENING * width),
        "num_hidden_layers": vision["num_hidden_layers"],
        "num_attention_heads": vision["num_attention_heads"],
        "hidden_act": vision.get("hidden_act", "quick_gelu"),
    }


def our_names(state: dict[str, Tensor], fusion_layer: int) -> tuple[dict[str, Tensor], list[str]]:
    """An official state under our names, and the names of what was dropped: computed buffers, heads not ours."""
    ours: dict[str, Tensor] = {}
    dropped = []
    for name, values in state.items():
        if DROPPED.search(name):
            dropped.append(name)
        elif found := QKV.match(name):
            block = renamed(f"{found[1]}.", RENAMED)
            for part, piece in zip(("q_proj", "k_proj", "v_proj"), values.chunk(3), strict=True):
                ours[f"{block}attention.{part}.{found[2]}"] = piece
        elif found := LAYER.match(name):
            ours[f"xvlm.encoder.{layer_name(int(found[1]), fusion_layer)}.{found[2]}"] = values
        else:
            ours[renamed(name, RENAMED)] = values
    return ours, dropped


def convert_official(weights: Path, vision_config: Path, text_config: Path, tokenizer: str, folder: Path) -> Conversion:
    """Write official weights as a folder to start from, whole or not at all.

    Raises:
        WeightsError: the folder is there already, or the weights, configs and tokenizer are not of one X-VLM.
    """
    require_new(folder)
    state = read_official(weights)
    projection = len(state["vision_proj.weight"]) if "vision_proj.weight" in state else PROJECTION
    vision, text = (json.loads(path.read_text()) for path in (vision_config, text_config))
    config = official_config(vision, text, projection)
    words = load_tokenizer(tokenizer)
    if len(words) != config.text["vocab_size"]:
        raise WeightsError(
            f"the tokenizer {tokenizer} does not match the weights: it has {len(words)} tokens, the weights "
            f"{config.text['vocab_size']}"
        )
    torch.manual_seed(0)  # for heads that the official weights do not bring
    model = XVLMForPretraining.for_tokenizer(config, words)
    ours, dropped = our_names(state, config.fusion_layer)
    report = start_from(model, ours)
    save_start(model, words, folder)
    return Conversion(report, tuple(dropped))
