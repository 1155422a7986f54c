"""The task file that a tuning leaves: the task as its file has it, with the settings that were found best."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from common.files import whole
from models.studies.search_space import Tuned, with_values
from pipelines.task import Task, TaskError, load_task

COLUMNS = 120  # of a line of the file, as of any other


def tuned_path(task: Task, folder: Path, output: Path | None) -> Path:
    """Where the tuned task is written: ``output``, or TASK_tuned.yaml in ``folder``.

    Raises:
        TaskError: a task cannot be named after that file.
    """
    path = folder / f"{task.task}_tuned.yaml" if output is None else output.expanduser()
    try:
        Task.model_validate(task.model_dump() | {"task": path.stem})
    except ValidationError as error:
        raise TaskError(f"a task cannot be named {path.stem}: name another file with --output") from error
    if path.suffix != ".yaml":
        raise TaskError(f"{path.name} is no name of a task file: end it with .yaml")
    return path


def write_tuned(original: Path, task: Task, tuned: Tuned, path: Path) -> None:
    """Write the tuned task to ``path``, unless it stands there already.

    Args:
        original: the file of ``task``.

    Raises:
        TaskError: another file stands there.
    """
    text = tuned_text(original, task, tuned, path.stem)
    if path.exists():
        if path.read_text() == text:
            return
        raise TaskError(
            f"{path} is there already and says something else: move it away or name another file with --output, "
            "and give the command again, which makes no trial twice"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as partial:
        partial.write_text(text)
        load_task(str(partial))


def tuned_text(original: Path, task: Task, tuned: Tuned, name: str) -> str:
    """The file's text: where it comes from, then the settings. Comments of the original are not carried over."""
    values = yaml.safe_load(original.read_text())
    # A method's settings stand beside its name, which the file may have left to the default.
    chosen = {"distillation.method.name": task.distillation.method.name, **tuned.best}
    values = with_values({**values, "task": name, "labels": task.labels}, chosen)
    cut_short = f", {tuned.pruned} of them cut short" if tuned.pruned else ""
    found = (
        "no others were better than the task's own on every fold"
        if tuned.best_trial == 1
        else f"{tuned.best_value:.4f} with these (trial {tuned.best_trial})"
    )
    header = (
        f"# {task.task} with the settings that 'cpfd tune' found best. Study {tuned.study}:",
        f"# {tuned.trials} trials{cut_short}, each judged on {tuned.folds} folds of the training rows alone.",
        f"# Mean {tuned.metric} {tuned.own_value:.4f} with the task's own settings, {found}.",
        f"# The best of many is flattered by chance: run {task.task} and {name}, and compare on rows no trial saw.",
    )
    body = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=COLUMNS)
    return "\n".join(header) + f"\n{body}"
