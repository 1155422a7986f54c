"""Networks before their training: of random weights that the seed draws, over which go those of a start."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from common.artifacts import COST_FILE, HISTORY_FILE
from models.data.dataset import Videos
from models.data.run_data import RunData
from models.distillation.methods import TeacherInput
from models.networks.calibration import calibrate
from models.networks.dfxvlm import DFXVLMConfig, DFXVLMForClassification
from models.networks.wide import WidePath, shrink
from models.networks.xvlm import XVLMConfig, XVLMForClassification
from models.settings import ModelSettings
from models.starts.weights import open_start, start_from
from models.starts.wide import LossFunction, fit_wide_path
from models.training.checkpoints import History
from models.training.devices import device, log, rank, seed_everything, world
from models.training.settings import Recipe

Teacher = XVLMForClassification | DFXVLMForClassification
# X-VLM base has over 200 million parameters, the sizes of 'profile: laptop' less than one: this lies well between.
BASE_SIZE = 50_000_000


def new_classifier(data: RunData, settings: Recipe, seed: int) -> XVLMForClassification:
    """An X-VLM whose initial weights depend on settings and seed alone: baseline and student start alike."""
    return _new_network(XVLMForClassification, XVLMConfig, data, settings, seed)


def new_teacher(data: RunData, settings: Recipe, dense_features: list[str], sees: TeacherInput, seed: int) -> Teacher:
    """A teacher's network before its training, by what it sees."""
    if sees == "raw":
        return new_classifier(data, settings, seed)
    return _new_network(
        DFXVLMForClassification, DFXVLMConfig, data, settings, seed,
        dense_features=dense_features, dense_widths=list(settings.network.dense_widths),
        dense_dropout=settings.network.dropout, dense_absence=settings.distillation.dense_absence,
        reads_raw=sees == "raw and dense",
    )  # fmt: skip


def with_wide_path(
    model: Any, settings: Recipe, loss: LossFunction, train: Videos, tuning: Videos
) -> tuple[Videos, Videos]:
    """Fit the wide path of a new network, if it has one, by the penalty that suits the tuning rows best.

    The network's own layers then add nothing at first: they start from what the wide path knows.

    Returns:
        both parts with the wide path's logits in the place of n-grams, those of ``train`` out of fold.
    """
    wide = settings.wide
    if wide is None or model.wide is None:
        return replace(train, ngrams=None), replace(tuning, ngrams=None)

    def misfit(path: WidePath) -> float:
        return calibrate(path.logits(tuning.ngrams).numpy(), tuning.labels.numpy()).loss

    out_of_fold = fit_wide_path(model.wide, train, loss, wide, misfit)
    shrink(model.head, 0.0)
    return train.with_wide_logits(out_of_fold), tuning.with_wide_logits(model.wide.logits(tuning.ngrams))


def _new_network(network: Any, config: Any, data: RunData, settings: Recipe, seed: int, **kwargs: Any) -> Any:
    """A network with the seed's weights, over which go those of the start that the settings name."""
    seed_everything(seed)
    if settings.network.start is None:
        model = network(config.from_settings(settings, data.tokenizer, **kwargs))
        warn_of_size(model, settings)
        return model
    start, state = open_start(Path(settings.network.start))
    model = network(config.from_settings(settings, data.tokenizer, start, **kwargs))
    report = start_from(model, state)
    log(f"starts from {settings.network.start}: {report.describe()}")
    trained = (name for name in report.loaded if not any(part in name for part in start.untrained))
    model.started_parts = frozenset(trained)
    return model


def warn_of_size(model: torch.nn.Module, settings: ModelSettings) -> None:
    """Log, once a process, if this machine has little hope of training ``model`` to anything."""
    warning = size_warning(sum(parameter.numel() for parameter in model.parameters()), settings)
    if warning:
        _log_once(warning)


def size_warning(parameters: int, settings: ModelSettings) -> str:
    """One sentence if a network of so many parameters starts from random weights on a CPU; '' if it does not."""
    if parameters < BASE_SIZE or settings.network.start is not None or torch.cuda.is_available():
        return ""
    return (
        f"Warning: a network of {parameters / 1e6:.0f} million parameters trains from random weights on a CPU: that "
        "takes days and learns little from fewer than millions of videos. Choose 'profile: laptop' in the task file, "
        "or name pre-trained weights in network.start ('cpfd convert', 'cpfd pretrain')"
    )


@cache
def _log_once(line: str) -> None:
    log(line)


def note_cost(model: Any, seconds: float, folder: Path) -> None:
    """Beside a network's weights, what its training cost: seconds of the process that ended it, on which device."""
    if rank() == 0:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        found = {"seconds": seconds, "device": device().type, "processes": world(), "parameters": parameters}
        (folder / COST_FILE).write_text(json.dumps(found))


def save_network(model: Any, tokenizer: PreTrainedTokenizerFast, history: History, folder: Path) -> None:
    """Weights as safetensors; config, tokenizer and learning curve as JSON. The first of several processes writes."""
    if rank() != 0:
        return
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / HISTORY_FILE).write_text(json.dumps(history, indent=1))
