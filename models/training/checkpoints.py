"""The checkpoint of a training: its state, saved so that it resumes after any end as if it had never ended."""

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from common.files import whole
from models.training.devices import DeviceError, gathered, rank
from models.training.stopping import Stop

History = list[dict[str, float]]
CHECKPOINT = "checkpoint.safetensors"


@dataclass
class Progress:
    """How far a training is: ``batch`` batches of ``epoch`` are done, with the sums of their loss terms."""

    epoch: int = 1
    batch: int = 0
    totals: dict[str, float] = field(default_factory=dict)
    history: History = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    finished: bool = False


@dataclass
class TrainingState:
    """Everything that the next step depends on. ``best`` holds the weights of the best epoch, if one is sought."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Any
    generator: torch.Generator
    progress: Progress = field(default_factory=Progress)
    epoch_start: Tensor | None = None
    best: dict[str, Tensor] = field(default_factory=dict)


class CheckpointFolder:
    """Saves the state of a training to a folder; one that is given no folder saves nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def child(self, name: str) -> "CheckpointFolder":
        return CheckpointFolder(None if self.folder is None else self.folder / name)

    def discard(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def save(self, state: TrainingState) -> None:
        """Write the state beside the former checkpoint, then in its place: there is always a whole one."""
        if self.folder is None:
            return
        tensors = {f"rng.{index}": values for index, values in enumerate(gathered(_rng_state()))}
        if rank() != 0:
            return
        tensors |= {f"model.{name}": values for name, values in state.model.state_dict().items()}
        tensors |= {f"best.{name}": values for name, values in state.best.items()}
        described = state.optimizer.state_dict()
        for index, slots in described["state"].items():
            tensors |= {f"optimizer.{index}.{name}": values for name, values in slots.items()}
        if state.epoch_start is not None:
            tensors["epoch_start"] = state.epoch_start
        facts = {
            "progress": asdict(state.progress),
            "groups": described["param_groups"],
            "schedule": state.schedule.state_dict(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = {name: values.detach().cpu().contiguous().clone() for name, values in tensors.items()}
        with whole(self.folder / CHECKPOINT) as partial:
            save_file(kept, partial, metadata={"facts": json.dumps(facts)})
            with partial.open("rb") as file:
                os.fsync(file.fileno())

    def restore(self, state: TrainingState) -> bool:
        """Put the saved state into ``state``. False if none is saved."""
        there = self.folder is not None and (self.folder / CHECKPOINT).is_file()
        everywhere = [bool(each) for each in gathered(torch.tensor([int(there)]))]
        if any(everywhere) != all(everywhere):
            raise DeviceError("the checkpoint is not on every machine: give them one shared folder of checkpoints")
        if self.folder is None or not there:
            return False
        with safe_open(self.folder / CHECKPOINT, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
        state.model.load_state_dict(_below(tensors, "model."))
        slots: dict[int, dict[str, Tensor]] = {}
        for name, values in _below(tensors, "optimizer.").items():
            index, slot = name.split(".", 1)
            slots.setdefault(int(index), {})[slot] = values
        state.optimizer.load_state_dict({"state": slots, "param_groups": facts["groups"]})
        state.schedule.load_state_dict(facts["schedule"])
        state.progress = Progress(**{**facts["progress"], "stop": Stop(**facts["progress"]["stop"])})
        state.best = _below(tensors, "best.")
        if "epoch_start" in tensors:
            state.generator.set_state(tensors["epoch_start"])
        _set_rng_state(tensors[f"rng.{rank()}"])
        return True


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}


def _rng_state() -> Tensor:
    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state())
    return torch.cat(states)


def _set_rng_state(state: Tensor) -> None:
    size = torch.get_rng_state().numel()
    torch.set_rng_state(state[:size])
    if torch.cuda.is_available() and state.numel() > size:
        torch.cuda.set_rng_state(state[size:])
