"""Weights to start from: what pre-training left, here or in the official X-VLM."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from common.artifacts import WEIGHTS
from common.errors import UserError
from common.files import whole
from models.networks.xvlm import XVLMConfig
from models.starts.interpolation import interpolated

# Parts that a start may lack: they are the task's own, or belong to a training the start never had.
NEW_PARTS = (
    "head.", "dense_branch.", "scaler.", "vision_proj.", "text_proj.", "matching_head.", "masked_language.",
    "temperature", "continuation", "xvlm.frame_position", "wide.",
)  # fmt: skip
SHOWN = 5  # names of a long list in a message: they show the pattern, the count says the rest


class WeightsError(UserError):
    """Weights that cannot be used. The message names the file or tensor and why."""


@dataclass(frozen=True)
class LoadReport:
    """What became of a start's tensors, by name."""

    loaded: tuple[str, ...]
    interpolated: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    def describe(self) -> str:
        """One paragraph: nothing is left out, though long lists are shortened."""
        parts = [f"{len(self.loaded)} tensors loaded"]
        for names, what in (
            (self.interpolated, "of them brought to another size"),
            (self.missing, "not in the start and new"),
            (self.unexpected, "in the start and not used"),
        ):
            if names:
                parts.append(f"{len(names)} {what} ({shortened(names)})")
        return "; ".join(parts)


@dataclass(frozen=True)
class Conversion:
    """What became of the tensors of published weights: ``dropped`` ones are no part of the start."""

    report: LoadReport
    dropped: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def describe(self) -> str:
        """One paragraph, with what the user should know about the start."""
        dropped = f"{len(self.dropped)} dropped, as they are computed or of other tasks"
        return "; ".join([self.report.describe(), dropped, *self.remarks])


def shortened(names: tuple[str, ...] | list[str]) -> str:
    """The first few names and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def renamed(name: str, patterns: tuple[tuple[str, str], ...]) -> str:
    """``name`` after each pattern's replacement, one after the other."""
    for pattern, replacement in patterns:
        name = re.sub(pattern, replacement, name)
    return name


def require_new(folder: Path) -> None:
    """Raises WeightsError if the folder is there already."""
    if folder.exists():
        raise WeightsError(f"{folder} is there already: name another folder")


def open_start(folder: Path) -> tuple[XVLMConfig, dict[str, Tensor]]:
    """Config and tensors of a folder of pre-trained weights.

    Raises:
        WeightsError: no such folder, no X-VLM, a truncated file.
    """
    config, weights = folder / "config.json", folder / WEIGHTS
    if not config.is_file() or not weights.is_file():
        raise WeightsError(
            f"there are no start weights in {folder}: it needs config.json and model.safetensors, which "
            "'cpfd pretrain' and 'cpfd convert' write"
        )
    kind = json.loads(config.read_text()).get("model_type")
    if kind != XVLMConfig.model_type:
        raise WeightsError(f"{folder} holds a {kind}, not an X-VLM")
    try:
        return XVLMConfig.from_pretrained(folder), load_file(weights)
    except SafetensorError as error:
        raise WeightsError(f"{weights} is truncated or damaged ({error})") from error


def save_start(model: Any, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write weights to start from, whole or not at all.

    Under the names that the modules have: ``save_pretrained`` would write Swin's under those of older releases.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: values.contiguous().clone() for name, values in model.state_dict().items()}
    with whole(folder) as partial:
        model.config.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        save_file(tensors, partial / WEIGHTS)


def start_from(model: nn.Module, state: dict[str, Tensor], untrained: Sequence[str] = ()) -> LoadReport:
    """Put a start's tensors into ``model`` (student, teacher or pre-training network), positions interpolated.

    Raises:
        WeightsError: a tensor that the model needs is not there, or has a shape that nothing can bring to
            the model's. Parts of the task's own (head, dense branch) may be missing and are reported, and so may
            be tensors whose names hold one of ``untrained``.
    """
    own = model.state_dict()
    foreign = _not_taken(own, state)
    state = {name: values for name, values in state.items() if name not in foreign}
    missing = tuple(name for name in own if name not in state)
    needed = [
        name for name in missing if not name.startswith(NEW_PARTS) and not any(part in name for part in untrained)
    ]
    if needed:
        raise WeightsError(
            f"the start weights lack {len(needed)} tensors of the network: {shortened(needed)} "
            "(a start is what 'cpfd pretrain' or 'cpfd convert' wrote, not a trained student)"
        )
    chosen, resized = {}, []
    for name, target in own.items():
        if name in state:
            chosen[name] = state[name]
            if state[name].shape != target.shape:
                chosen[name] = _resized(name, state[name], target)
                resized.append(name)
    model.load_state_dict(chosen, strict=False)
    unexpected = (*sorted(foreign), *(name for name in state if name not in own))
    return LoadReport(tuple(chosen), tuple(resized), missing, unexpected)


def _not_taken(own: dict[str, Tensor], state: dict[str, Tensor]) -> set[str]:
    """The names of what is not taken: a head for another number of classes, and a wide path, which is fitted."""
    wide = {name for name in state if name.startswith("wide.")}
    head = {name for name in state if name.startswith("head.")}
    return wide | (head if any(name in own and own[name].shape != state[name].shape for name in head) else set())


def _resized(name: str, values: Tensor, target: Tensor) -> Tensor:
    if name.endswith("word_embeddings.weight"):
        raise WeightsError(
            f"the tokenizer does not match the start weights: it has {target.shape[0]} tokens, they were trained "
            f"with {values.shape[0]} (text.tokenizer)"
        )
    found = interpolated(name, values, target.shape)
    if found is None or found.shape != target.shape:
        raise WeightsError(
            f"{name} has the shape {tuple(values.shape)} in the start weights and {tuple(target.shape)} in the network"
        )
    return found


def read_official(path: Path) -> dict[str, Tensor]:
    """The tensors of an official file of weights (``{"model": ...}`` or bare), read without running what it holds.

    Raises:
        WeightsError: no such file, truncated, with objects other than tensors, or of another model.
    """
    if not path.is_file():
        raise WeightsError(f"there are no official weights at {path}")
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise WeightsError(
            f"{path} is not a file of tensors alone: it holds code or other objects, or no weights at all. "
            "It is refused, and nothing of it was run"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} is truncated or no file of weights ({str(error).splitlines()[0]})") from error
    state = found.get("model", found) if isinstance(found, dict) else found
    if not isinstance(state, dict) or not any(str(key).startswith("text_encoder.") for key in state):
        keys = ", ".join(map(str, list(state)[:SHOWN])) if isinstance(state, dict) else type(state).__name__
        raise WeightsError(f"{path} is of another model: X-VLM's tensors begin with text_encoder., its are {keys}")
    return {name: values for name, values in state.items() if isinstance(values, Tensor)}
