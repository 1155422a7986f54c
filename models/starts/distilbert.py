"""DistilBERT as the BERT that it is: other names, and no embedding of token types (Sanh et al. 2019)."""

import torch
from torch import Tensor
from transformers import BertConfig, DistilBertConfig

from models.starts.weights import renamed

NAMES = (
    (r"^transformer\.layer\.", "encoder.layer."),
    (r"\.attention\.q_lin\.", ".attention.self.query."),
    (r"\.attention\.k_lin\.", ".attention.self.key."),
    (r"\.attention\.v_lin\.", ".attention.self.value."),
    (r"\.attention\.out_lin\.", ".attention.output.dense."),
    (r"\.sa_layer_norm\.", ".attention.output.LayerNorm."),
    (r"\.ffn\.lin1\.", ".intermediate.dense."),
    (r"\.ffn\.lin2\.", ".output.dense."),
    (r"\.output_layer_norm\.", ".output.LayerNorm."),
)
TYPE_EMBEDDING = "embeddings.token_type_embeddings.weight"


def as_bert(config: DistilBertConfig, state: dict[str, Tensor]) -> tuple[BertConfig, dict[str, Tensor]]:
    """The BERT that computes the same: with one token type, whose embedding is zero."""
    same = BertConfig(
        vocab_size=config.vocab_size, hidden_size=config.dim, num_attention_heads=config.n_heads,
        num_hidden_layers=config.n_layers, intermediate_size=config.hidden_dim, hidden_act=config.activation,
        max_position_embeddings=config.max_position_embeddings, hidden_dropout_prob=config.dropout,
        pad_token_id=config.pad_token_id, type_vocab_size=1, layer_norm_eps=1e-12,
    )  # fmt: skip
    named = {renamed(name, NAMES): values for name, values in state.items()}
    return same, {**named, TYPE_EMBEDDING: torch.zeros(1, config.dim)}
