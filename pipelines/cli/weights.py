"""The commands that make initial weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from common.errors import UserError
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
    output: OutputOption,
    weights: Annotated[Path | None, typer.Argument(help="The official weights of an X-VLM (.th, .pth).")] = None,
    vision_config: Annotated[Path | None, typer.Option(help="Their vision config, JSON.")] = None,
    text_config: Annotated[Path | None, typer.Option(help="Their text config, JSON.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Their tokenizer: a name on the hub or a folder.")] = None,
    vision: Annotated[
        Path | None, typer.Option(help="A Hugging Face model's folder: ViT, DeiT, Swin or CLIP. None: texts alone.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="A Hugging Face model's folder: BERT, RoBERTa or kin, with its tokenizer.")
    ] = None,
) -> None:
    """Convert an official X-VLM or Hugging Face models to weights for a task's network.start. Runs nothing of theirs.

    Either WEIGHTS with --vision-config, --text-config and --tokenizer, or --text with or without --vision.
    """
    official = {
        "WEIGHTS": weights, "--vision-config": vision_config, "--text-config": text_config, "--tokenizer": tokenizer,
    }  # fmt: skip
    _require_one_form(official, {"--text": text, "--vision": vision})
    if text is not None:
        from models.starts.huggingface import convert_huggingface

        converted = convert_huggingface(vision, text, output)
    elif weights is not None and vision_config is not None and text_config is not None and tokenizer is not None:
        from models.starts.official import convert_official

        converted = convert_official(weights, vision_config, text_config, tokenizer, output)
    out.print(converted.describe(), markup=False)
    _print_weights(output)


def _require_one_form(official: Mapping[str, object], huggingface: Mapping[str, object]) -> None:
    """Raises UserError unless one form of the command is given, and whole."""
    ours, theirs = ([name for name, value in form.items() if value is not None] for form in (official, huggingface))
    if ours and theirs:
        raise UserError(
            f"{ours[0]} is for an official X-VLM and {theirs[0]} for Hugging Face models: give one or the other"
        )
    if theirs and "--text" not in theirs:
        raise UserError("--vision needs --text too: a start has a text encoder")
    lacking = [name for name in official if name not in ours]
    if lacking and not theirs:
        raise UserError(
            f"{', '.join(lacking)} missing: give WEIGHTS with --vision-config, --text-config and --tokenizer (an "
            "official X-VLM), or --text and --vision (folders of Hugging Face models)"
        )


def _print_weights(folder: Path) -> None:
    out.print(f"Weights to start from are in {folder}; a task file names them as network.start")
