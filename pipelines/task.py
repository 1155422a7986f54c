"""A task: one business question over videos, in one YAML file, checked before anything runs."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import field_validator, model_validator

from common.errors import UserError
from common.settings_files import merged, read_settings
from corpus.settings import ValidationSettings, WindowSettings
from models.settings import START_SIZES
from models.training.settings import Recipe
from pipelines.cluster.settings import Pods
from promotion.gate.policy import GateSettings

TASKS = Path(__file__).resolve().parent / "tasks"
PROFILES = Path(__file__).resolve().parent / "profiles.yaml"


class TaskError(UserError):
    """A task that is not there or a task file that is wrong. The message names the file, line and key."""


class Task(Recipe, frozen=True, extra="forbid"):
    """One task file: everything that trains, and what is asked of which rows. Of two classes the second is positive.

    ``labels`` is the name that the corpus gives the task's labels, so that two recipes can share them; by default the
    task's own. ``features`` are the dense tables of the corpus that the teacher may see. ``corpus`` is a name below the
    workspace's corpora, or a path. ``profile`` chooses sizes and schedules (pipelines/profiles.yaml), over which goes
    what the file says itself.
    """

    task: str
    description: str
    labels: str
    features: tuple[str, ...] = ()
    corpus: str = "simulated"
    profile: str = "base"
    seed: int = 0
    window: WindowSettings = WindowSettings()
    validation: ValidationSettings = ValidationSettings()
    gate: GateSettings = GateSettings()
    pods: Pods = Pods()

    @model_validator(mode="before")
    @classmethod
    def _own_labels(cls, values: Any) -> Any:
        return {"labels": values["task"], **values} if isinstance(values, dict) and "task" in values else values

    @field_validator("task")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
            raise ValueError("must be lower-case letters, digits and underscores, starting with a letter")
        return name

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in _profiles():
            raise ValueError(f"there is no profile {name}: there are {', '.join(_profiles())}")
        return name

    @field_validator("classes", "features")
    @classmethod
    def _distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError("must be distinct")
        return names

    @property
    def recipe(self) -> Recipe:
        """What the training components are given."""
        return Recipe(**{name: getattr(self, name) for name in Recipe.model_fields})


def task_files(folder: Path | None = None) -> dict[str, Path]:
    """Task files by name: those of ``folder``, which go before the built-in ones."""
    folders = [TASKS, *([folder] if folder is not None else [])]
    found = {path.stem: path for each in folders for path in each.glob("*.yaml")}
    return dict(sorted(found.items()))


def task_path(name: str, folder: Path | None = None) -> Path:
    """The file of a task, as ``load_task`` finds it. Raises TaskError if there is none."""
    files = task_files(folder)
    path = Path(name).expanduser() if "/" in name or name.endswith((".yaml", ".yml")) else files.get(name)
    if path is None:
        raise TaskError(f"there is no task {name}: there are {', '.join(files)}; a task file is named by its path")
    if not path.is_file():
        raise TaskError(f"there is no task file at {path}")
    return path


def load_task(name: str, folder: Path | None = None) -> Task:
    """A task by its name, looked up in ``folder`` and then among the built-in ones, or by the path of its file.

    Raises:
        TaskError: unknown task, or a file that is not YAML, repeats a key, or has a wrong key or value;
            the message names the line.
    """
    path = task_path(name, folder)
    task = read_settings(path, Task, TaskError, _with_profile)
    if task.task != path.stem:
        raise TaskError(f"{path.name} is named after another task than the one it describes, {task.task}")
    return task


def _with_profile(values: dict[str, Any]) -> dict[str, Any]:
    """The values over those of their profile. Sizes that a start brings are not taken from a profile."""
    profile = _profiles().get(str(values.get("profile", Task.model_fields["profile"].default)), {})
    network = values.get("network")
    if isinstance(network, dict) and network.get("start") is not None:
        kept = {key: value for key, value in profile.get("network", {}).items() if key not in START_SIZES}
        kept.pop("window_size", None)
        profile = {**profile, "network": kept}
    return merged(profile, values)


@cache
def _profiles() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(PROFILES.read_text())
