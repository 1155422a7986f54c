"""Vision encoders: pixels to the visual tokens that the cross-modal layers read (Zeng et al., ICML 2022)."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, SwinConfig, SwinModel


class SwinTower(SwinModel):
    """Swin: the mean of the patch tokens stands where others have a learned class token."""

    def __init__(self, config: SwinConfig) -> None:
        super().__init__(config, add_pooling_layer=False)

    @property
    def width(self) -> int:
        return self.num_features

    def tokens(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels to (B, 1 + patches, width)."""
        patches = self(pixels).last_hidden_state
        return torch.cat([patches.mean(1, keepdim=True), patches], dim=1)


class CLIPTower(CLIPVisionModel):
    """CLIP's ViT. X-VLM normalises all tokens at the end, where transformers normalises the pooled one alone."""

    @property
    def width(self) -> int:
        return self.config.hidden_size

    def tokens(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels to (B, 1 + patches, width)."""
        return self.post_layernorm(self(pixels).last_hidden_state)


Tower = SwinTower | CLIPTower
TOWERS: dict[str, tuple[Any, type[nn.Module]]] = {
    "swin": (SwinConfig, SwinTower),
    "clip": (CLIPVisionConfig, CLIPTower),
}


def vision_tower(arguments: dict[str, Any], attention: str) -> Any:
    """The tower that ``arguments["tower"]`` names, built from the other arguments of its transformers config."""
    config, tower = TOWERS[arguments["tower"]]
    sizes = {name: value for name, value in arguments.items() if name != "tower"}
    return tower(config(**sizes, attn_implementation=attention))
