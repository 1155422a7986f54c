"""DF-X-VLM, the teacher: X-VLM with a branch of privileged dense features (Shi et al., CIKM 2024, section 3.2)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.networks.wide import add_wide
from models.networks.xvlm import XVLM, XVLMConfig, XVLMPreTrainedModel, classification_head, wide_path

# Of a feature's values: one in a thousand at either end may be a wild one, and shall not stretch the scale.
OUTER_QUANTILES = (0.001, 0.999)
BINS = (
    8  # of a feature's piecewise-linear code: eighths of the rows; 48 and more pay off with more rows than a window's
)
QUARTILES_APART = 1.349  # the standard deviations between the quartiles of a normal distribution


class DFXVLMConfig(XVLMConfig):
    """XVLMConfig plus the names of the dense features and the widths of their branch.

    ``dense_absence`` is the share of training rows whose dense values are hidden as a whole, so that the raw
    branch does not starve. Without ``reads_raw`` there is no raw branch (generalised distillation's teacher).
    """

    model_type = "cpfd-dfxvlm"

    def __init__(
        self,
        dense_features: list[str] | None = None,
        dense_widths: list[int] | None = None,
        dense_dropout: float = 0.1,
        dense_absence: float = 0.0,
        reads_raw: bool = True,
        **kwargs: Any,
    ) -> None:
        self.dense_features = dense_features or []
        self.dense_widths = dense_widths or [512, 256]
        self.dense_dropout = dense_dropout
        self.dense_absence = dense_absence
        self.reads_raw = reads_raw
        super().__init__(**kwargs)


class DenseScaler(nn.Module):
    """Raw dense values to standardised values, piecewise-linear codes and missing indicators; part of the weights.

    Each feature is clipped to the 0.1 % and 99.9 % quantiles of the training rows, passed through
    ``asinh`` of its robust z-score (a log for heavy tails, of either sign), and set to 0 where missing.
    Anything not finite counts as missing. The code of a feature says how much of each eighth of its training rows lies
    below the value (piecewise-linear encoding by quantiles, Gorishniy et al., NeurIPS 2022).
    """

    low: Tensor
    high: Tensor
    centre: Tensor
    scale: Tensor
    edges: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features * (2 + BINS)
        self.register_buffer("edges", torch.zeros(features, BINS + 1))
        for name, value in (("low", -torch.inf), ("high", torch.inf), ("centre", 0.0), ("scale", 1.0)):
            self.register_buffer(name, torch.full((features,), value))

    def fit(self, dense: np.ndarray) -> None:
        """Take quantiles from ``dense`` (rows, features); a feature without a finite value stays neutral."""
        for column in range(dense.shape[1]):
            values = dense[np.isfinite(dense[:, column]), column]
            if not len(values):
                continue
            low, high = np.quantile(values, OUTER_QUANTILES)
            q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75])
            spread = (q75 - q25) / QUARTILES_APART or float(values.std()) or 1.0
            for buffer, value in (
                (self.low, low), (self.high, high), (self.centre, median), (self.scale, spread)
            ):  # fmt: skip
                buffer[column] = float(value)
            self.edges[column] = torch.from_numpy(np.quantile(values, np.linspace(0, 1, BINS + 1)))

    def forward(self, dense: Tensor) -> Tensor:
        """(B, D) raw values to (B, 10 D): standardised values, indicators (1 = missing), then the codes."""
        missing = ~torch.isfinite(dense)
        values = torch.where(missing, self.centre, dense).clamp(self.low, self.high)
        scaled = torch.asinh((values - self.centre) / self.scale)
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        width = torch.where(high > low, high - low, torch.inf)  # eighths that hold one value alone say nothing
        codes = ((values[:, :, None] - low) / width).clamp(0, 1).masked_fill(missing[:, :, None], 0.0)
        return torch.cat([scaled.masked_fill(missing, 0.0), missing.to(scaled.dtype), codes.flatten(1)], dim=1)


class DFXVLMForClassification(XVLMPreTrainedModel):
    """The teacher: raw input and privileged dense features in, class logits (B, C) out. Never served."""

    config_class = DFXVLMConfig
    inputs = ("input_ids", "attention_mask", "frames", "dense", "ngrams", "ngram_counts", "wide_logits")

    def __init__(self, config: DFXVLMConfig) -> None:
        super().__init__(config)
        self.scaler = DenseScaler(len(config.dense_features))
        layers: list[nn.Module] = []
        width = self.scaler.width
        for output in config.dense_widths:
            layers += [nn.Linear(width, output), nn.LayerNorm(output), nn.GELU()]
            layers.append(nn.Dropout(config.dense_dropout))
            width = output
        self.dense_branch = nn.Sequential(*layers)
        if config.reads_raw:
            self.xvlm = XVLM(config)
            width += config.text["hidden_size"]
        self.head = classification_head(width, len(config.id2label))
        self.wide = wide_path(config) if config.reads_raw else None
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        dense: Tensor,
        frames: Tensor | None = None,
        **wide: Tensor,
    ) -> Tensor:
        """As the student, with ``dense`` (B, D) raw values; NaN is missing."""
        # Dense first: dropout draws in this order, and a seed's training must not change.
        dense_states = self.dense_states(dense)
        logits = self.classify(self.raw_states(input_ids, attention_mask, frames), dense_states)
        return add_wide(logits, self.wide, wide)

    def dense_states(self, dense: Tensor) -> Tensor:
        """(B, D) raw values to (B, last of dense_widths)."""
        if self.training and self.config.dense_absence:
            absent = torch.rand(len(dense), 1, device=dense.device) < self.config.dense_absence
            dense = dense.masked_fill(absent, torch.nan)
        return self.dense_branch(self.scaler(dense))

    def raw_states(self, input_ids: Tensor, attention_mask: Tensor, frames: Tensor | None = None) -> Tensor:
        """Raw input to (B, hidden); (B, 0) where there is no raw branch."""
        if not self.config.reads_raw:
            return self.scaler.centre.new_zeros(len(input_ids), 0)
        return self.xvlm(input_ids, attention_mask, frames)

    def classify(self, raw_states: Tensor, dense_states: Tensor) -> Tensor:
        """Logits (B, C) of what the two branches made, without those of the wide path."""
        return self.head(torch.cat([raw_states, dense_states], dim=1))
