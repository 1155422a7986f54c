"""A task: one business question over videos, in one YAML file, checked before anything runs."""

import re
from pathlib import Path

import yaml
from pydantic import ValidationError, field_validator

from corpus.settings import ValidationSettings, WindowSettings
from models.settings import StudentSettings
from registry.verdict import GateSettings

TASKS = Path(__file__).resolve().parent / "tasks"


class TaskError(ValueError):
    """A task that is not there or a task file that is wrong. The message names the file, line and key."""


class Task(StudentSettings, frozen=True, extra="forbid"):
    """One task file: everything that trains, and what is asked of which rows. Of two classes the second is positive.

    ``corpus`` is a name below the workspace's corpora, or a path. Settings that a file leaves out have the
    defaults of their room, which are sized for a cluster.
    """

    task: str
    description: str
    corpus: str = "simulated"
    seed: int = 0
    window: WindowSettings = WindowSettings()
    validation: ValidationSettings = ValidationSettings()
    gate: GateSettings = GateSettings()

    @field_validator("task")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
            raise ValueError("must be lower-case letters, digits and underscores, starting with a letter")
        return name

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(classes)) != len(classes):
            raise ValueError("must be distinct")
        return classes

    @property
    def student(self) -> StudentSettings:
        """What the training components are given."""
        return StudentSettings(**{name: getattr(self, name) for name in StudentSettings.model_fields})


def task_names(folder: Path = TASKS) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_task(name: str, folder: Path = TASKS) -> Task:
    """Read ``folder``/NAME.yaml.

    Raises:
        TaskError: unknown task, or a file that is not YAML, repeats a key, or has a wrong key or value;
            the message names the line.
    """
    path = folder / f"{name}.yaml"
    if name not in task_names(folder):
        raise TaskError(f"there is no task {name}: there are {', '.join(task_names(folder))}")
    try:
        root, values = yaml.compose(path.read_text(), Loader=yaml.SafeLoader), yaml.safe_load(path.read_text())
    except (yaml.YAMLError, ValueError) as error:
        raise TaskError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise TaskError(f"{path.name} must map keys to values")
    _refuse_repeated_keys(root, path.name)
    try:
        task = Task.model_validate(values)
    except ValidationError as error:
        raise TaskError("; ".join(_located(each, root, path.name) for each in error.errors())) from error
    if task.task != name:
        raise TaskError(f"{path.name} is named after another task than the one it describes, {task.task}")
    return task


def _refuse_repeated_keys(node: yaml.Node, name: str) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            raise TaskError(f"{name}, line {key.start_mark.line + 1}: {key.value} is given twice")
        seen.add(key.value)
        _refuse_repeated_keys(value, name)


def _located(error: object, root: yaml.Node, name: str) -> str:
    """A pydantic error as ``file, line n: key: what``, by following its location through the YAML."""
    assert isinstance(error, dict)  # noqa: S101 - narrows pydantic's ErrorDetails
    node, line = root, root.start_mark.line
    for part in error["loc"]:
        children = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in children if key.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    key = ".".join(str(part) for part in error["loc"])
    message = "unknown key" if error["type"] == "extra_forbidden" else error["msg"]
    return f"{name}, line {line + 1}: {key}: {message}"
