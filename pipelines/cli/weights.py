"""The commands that make initial weights."""

from pathlib import Path
from typing import Annotated

import typer

from corpus.settings import MONTHS
from pipelines.cli.options import (
    HERE,
    EndOption,
    MonthsOption,
    TaskArgument,
    TasksOption,
    WorkspaceOption,
    chosen_task,
    workspace_at,
)
from pipelines.cli.output import StepProgress, out

OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Folder for the weights.")]


def pretrain(
    task: TaskArgument,
    output: OutputOption,
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: the task's.")] = None,
    end: EndOption = None,
    months: MonthsOption = MONTHS,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """Continue pre-training on a window's videos, without labels: weights for a task's network.start."""
    from pipelines.local.run import run_pretraining
    from pipelines.request import Request

    where = workspace_at(workspace)
    chosen = chosen_task(task, where, tasks)
    if epochs is not None:
        chosen = chosen.model_copy(update={"training": chosen.training.model_copy(update={"epochs": epochs})})
    request = Request.in_workspace(chosen, where, end, months)
    run_pretraining(request, where, output, StepProgress)
    _print_weights(output)


def convert(
    weights: Annotated[Path, typer.Argument(help="The official weights of an X-VLM (.th, .pth).")],
    vision_config: Annotated[Path, typer.Option(help="Its vision config, JSON.")],
    text_config: Annotated[Path, typer.Option(help="Its text config, JSON.")],
    tokenizer: Annotated[str, typer.Option(help="Its tokenizer: a name on the hub or a folder.")],
    output: OutputOption,
) -> None:
    """Convert official X-VLM weights, without running what the file holds: weights for a task's network.start."""
    from models.starts.official import convert_official

    report, dropped = convert_official(weights, vision_config, text_config, tokenizer, output)
    out.print(f"{report.describe()}; {len(dropped)} dropped, as they are computed or of other tasks")
    _print_weights(output)


def _print_weights(folder: Path) -> None:
    out.print(f"Weights to start from are in {folder}; a task file names them as network.start")
