"""Vision encoders: pixels to the visual tokens that the cross-modal layers read (Zeng et al., ICML 2022)."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    DeiTConfig,
    DeiTModel,
    SwinConfig,
    SwinModel,
    ViTConfig,
    ViTModel,
)

# What travels with a tower and is no argument of its transformers config.
TOWER, PIXEL_MEAN, PIXEL_STD = "tower", "pixel_mean", "pixel_std"
# The official code normalises with CLIP's statistics (Radford et al., ICML 2021), also in front of Swin.
USUAL_PIXELS = {
    PIXEL_MEAN: [0.48145466, 0.4578275, 0.40821073],
    PIXEL_STD: [0.26862954, 0.26130258, 0.27577711],
}


class SwinTower(SwinModel):
    """Swin: the mean of the patch tokens stands where others have a learned class token."""

    def __init__(self, config: SwinConfig) -> None:
        # A window's bias is learned, and of such a one fused kernels for a CPU give no gradient: theirs is a detour.
        config._attn_implementation = "eager"
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


class _NormalisesAll:
    """A tower that ends with a norm over all its tokens, and so is read as it is."""

    config: Any

    def __init__(self, config: Any) -> None:
        super().__init__(config, add_pooling_layer=False)  # type: ignore[call-arg]

    @property
    def width(self) -> int:
        return self.config.hidden_size

    def tokens(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) normalised pixels to (B, special tokens + patches, width), the class token first."""
        return self(pixels).last_hidden_state  # type: ignore[operator]


class ViTTower(_NormalisesAll, ViTModel):
    """ViT (Dosovitskiy et al., ICLR 2021)."""


class DeiTTower(_NormalisesAll, DeiTModel):
    """DeiT (Touvron et al., ICML 2021): a distillation token stands between the class token and the patches."""


TOWERS: dict[str, tuple[Any, type[nn.Module]]] = {
    "swin": (SwinConfig, SwinTower),
    "clip": (CLIPVisionConfig, CLIPTower),
    "vit": (ViTConfig, ViTTower),
    "deit": (DeiTConfig, DeiTTower),
}


def vision_tower(arguments: dict[str, Any], attention: str) -> Any:
    """The tower that ``arguments["tower"]`` names, built from the other arguments of its transformers config."""
    config, tower = TOWERS[arguments[TOWER]]
    sizes = {name: value for name, value in arguments.items() if name not in (TOWER, *USUAL_PIXELS)}
    return tower(config(**sizes, attn_implementation=attention))


def normalised(pixels: Tensor, arguments: dict[str, Any]) -> Tensor:
    """Float pixels (B, 3, H, W) of 0 to 255, changed in place, by the statistics that the tower was trained with."""
    statistics = USUAL_PIXELS | arguments
    mean, std = (255 * pixels.new_tensor(statistics[each])[:, None, None] for each in (PIXEL_MEAN, PIXEL_STD))
    return pixels.sub_(mean).div_(std)
