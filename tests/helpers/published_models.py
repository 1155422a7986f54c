"""Hugging Face models as transformers writes them: small ones, of random weights that show in their answers."""

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedTokenizerFast

from models.data.text import learn_tokenizer
from models.settings import TextSettings

TOKENS, PADDED = 200, 208  # rows of the vocabulary: as of many published models, a multiple of 8 or more
PLAIN = {
    "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip
TEXT = {
    "vocab_size": PADDED, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 5, "num_attention_heads": 4,
    "max_position_embeddings": 150, "hidden_act": "gelu_new", "layer_norm_eps": 1e-3, "pad_token_id": 0,
}  # fmt: skip
DISTILLED = {"vocab_size": TOKENS, "dim": 32, "hidden_dim": 48, "n_layers": 3, "n_heads": 4, "activation": "relu"}
CLIP_TEXT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
STAGES = {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 4], "window_size": 4, "image_size": 32, "patch_size": 4}
VISION = {
    "ViTModel": {**PLAIN, "hidden_act": "relu", "layer_norm_eps": 1e-3},
    "ViTForImageClassification": {**PLAIN, "qkv_bias": False},
    "DeiTForImageClassificationWithTeacher": PLAIN,
    "SwinModel": {**STAGES, "mlp_ratio": 2.0},
    "SwinForMaskedImageModeling": {**STAGES, "encoder_stride": 8},
    "CLIPVisionModel": PLAIN,
    "CLIPModel": {"vision_config": PLAIN, "text_config": CLIP_TEXT},
}
TEXTS = {
    "BertModel": TEXT,
    "BertForMaskedLM": {**TEXT, "type_vocab_size": 3},
    "RobertaForMaskedLM": {**TEXT, "type_vocab_size": 1},
    "XLMRobertaModel": TEXT,
    "CamembertForMaskedLM": TEXT,
    "DistilBertForMaskedLM": DISTILLED,
}


def tokenizer(tokens: int = TOKENS) -> PreTrainedTokenizerFast:
    words = [first + second for first in "abcdefghijklmnop" for second in "abcdefghijklm"]
    return learn_tokenizer(words * 2, TextSettings(vocabulary=tokens))


def publish(kind: str, folder: Path, **changed: Any) -> Path:
    """A model of that class in ``folder``, and its tokenizer if it reads text."""
    torch.manual_seed(len(kind))
    network: Any = getattr(transformers, kind)
    model = network(network.config_class(**{**(VISION | TEXTS)[kind], **changed}))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
    if kind in TEXTS:
        tokenizer().save_pretrained(folder)
    return folder


def body(folder: Path) -> Any:
    """The encoder itself, read by the library alone."""
    found: Any = transformers.AutoModel.from_pretrained(folder).eval()
    return getattr(found, "vision_model", found)
