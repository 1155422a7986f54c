"""Folders of Hugging Face models: config, tensors and pixel statistics. Nothing in them is run."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, PreTrainedConfig
from transformers.utils import logging

from models.networks.vision import PIXEL_MEAN, PIXEL_STD
from models.starts.weights import WeightsError, shortened

# Where tensors lie that a network's function is made of: one that its class does not know means another function.
BODY = re.compile(r"(^|\.)(embeddings|encoder|transformer|layers?|blocks)\.")
# In a body all the same and without a part in its function: computed buffers, the token that pre-training puts for
# hidden patches, and the text half of a whole CLIP.
APART = re.compile(r"(position_ids|token_type_ids|relative_position_index|attn_mask|mask_token)$|^text_model\.")
POOLER = "pooler."  # of other tasks: whether a checkpoint has it, none of ours reads it
NOT_NORMALISED = {PIXEL_MEAN: [0.0] * 3, PIXEL_STD: [1.0] * 3}


def open_config(folder: Path, known: Collection[str], option: str) -> PreTrainedConfig:
    """The config of a Hugging Face model on disk.

    Raises:
        WeightsError: no such folder, or a model of another type than those ``known`` to the command's ``option``.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise WeightsError(f"there is no Hugging Face model in {folder}: it needs config.json beside its weights")
    try:
        kind = json.loads(path.read_text()).get("model_type")
        if kind in known:
            return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is no config of a Hugging Face model ({str(error).splitlines()[0]})") from error
    raise WeightsError(f"{folder} holds a model of type {kind}, and {option} reads {', '.join(known)}")


def load_tensors(folder: Path, network: Any, config: PreTrainedConfig) -> tuple[dict[str, Tensor], list[str]]:
    """A network's tensors in float32, under the names that its modules have, whatever release wrote them.

    Read by ``network``, transformers' own class: on its name hang the names of older releases.

    Returns:
        the tensors, and the names of those in the folder that are of other tasks.

    Raises:
        WeightsError: no weights, damaged ones, or ones that hold code; a tensor that is not there, has another
            shape, or that a network of this config does not have: its function would be another one.
    """
    model, found = _loaded(folder, network, config)
    kind = config.model_type
    lacking = [name for name in found["missing_keys"] if not name.startswith(POOLER)]
    lacking += [name if isinstance(name, str) else name[0] for name in found["mismatched_keys"]]
    if lacking:
        raise WeightsError(
            f"{folder} lacks {len(lacking)} tensors of a {kind} of its config, or has them in another shape: "
            f"{shortened(sorted(lacking))}"
        )
    foreign = sorted(name for name in found["unexpected_keys"] if BODY.search(name) and not APART.search(name))
    if foreign:
        raise WeightsError(
            f"{folder} has {len(foreign)} tensors that no {kind} of its config has: {shortened(foreign)}"
        )
    state = model.state_dict()
    unread = {name for name in state if name.startswith(POOLER)}
    dropped = sorted(found["unexpected_keys"]) + sorted(unread - set(found["missing_keys"]))
    return {name: values for name, values in state.items() if name not in unread}, dropped


def _loaded(folder: Path, network: Any, config: PreTrainedConfig) -> tuple[Any, dict[str, Any]]:
    try:
        with _without_its_own_report():
            return network.from_pretrained(
                folder, config=config, local_files_only=True, weights_only=True, dtype=torch.float32,
                ignore_mismatched_sizes=True, output_loading_info=True,
            )  # fmt: skip
    except UnpicklingError as error:
        raise WeightsError(
            f"the weights in {folder} are not tensors alone: they hold code or other objects, or are no weights. "
            "They are refused, and nothing of them was run"
        ) from error
    except SafetensorError as error:
        raise WeightsError(f"the weights in {folder} are truncated or damaged ({error})") from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"there are no weights to read in {folder}, which needs model.safetensors or pytorch_model.bin ({reason})"
        ) from error


@contextmanager
def _without_its_own_report() -> Iterator[None]:
    """transformers would print a table of what is missing and unused, which is told here in a sentence."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def pixel_statistics(folder: Path) -> dict[str, list[float]]:
    """Mean and standard deviation of the channels, of pixels from 0 to 1; {} if the folder does not say.

    Raises:
        WeightsError: the folder says something else than three numbers each.
    """
    processor = _image_processor(folder)
    if processor.get("do_normalize") is False:
        return NOT_NORMALISED
    if "image_mean" not in processor or "image_std" not in processor:
        return {}
    found = {PIXEL_MEAN: processor["image_mean"], PIXEL_STD: processor["image_std"]}
    for values in found.values():
        if not (
            isinstance(values, list) and len(values) == 3 and all(isinstance(each, int | float) for each in values)
        ):
            raise WeightsError(f"the preprocessor config in {folder} has {values} where three numbers should be")
    return found


def _image_processor(folder: Path) -> dict[str, Any]:
    """What the folder says of its images; newer releases write it into a processor of images and texts."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            try:
                written = json.loads((folder / name).read_text())
                return dict(written.get("image_processor", written))
            except (ValueError, TypeError, AttributeError) as error:
                raise WeightsError(f"{folder / name} is damaged ({error})") from error
    return {}
