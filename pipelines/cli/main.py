"""The command line. Imports of the rooms are inside the commands: ``--help`` should not wait for torch."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from common.errors import UserError
from pipelines.cli.console import (
    ablate_task,
    ask_server,
    convert_checkpoint,
    err,
    out,
    pretrain_task,
    print_reply,
    promote_task,
    run_task,
    simulate_corpus,
)
from pipelines.cli.corpus import corpus_app
from pipelines.cli.features import features_app
from pipelines.cli.options import HERE, EndOption, TaskArgument, WorkspaceOption, workspace_at

app = typer.Typer(
    help="Confidence-aware privileged feature distillation: from short videos to a served student.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(corpus_app, name="corpus")
app.add_typer(features_app, name="features")

# Read by the libraries when they are imported: no telemetry, no bars and notices between our own lines.
QUIET = {
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
}


@app.command()
def demo(
    workspace: WorkspaceOption = HERE,
    videos: Annotated[int, typer.Option(min=60, help="Videos to simulate.")] = 4000,
    task: Annotated[str, typer.Option(help="The task to run.")] = "low_quality",
) -> None:
    """The main job on simulated videos: corpus, run, promotion, TorchServe, and its answer to a held-out video."""
    from corpus.simulation.causes import SimulationSettings
    from pipelines.local import demo as show
    from pipelines.task import load_task
    from serving.server import ServerSettings

    where, chosen = workspace_at(workspace), load_task(task)
    settings = SimulationSettings(videos=videos)
    with where.serving_lock():
        pass  # said before the work rather than after it, if another server holds the workspace
    if not show.has_corpus(where.corpus(chosen.corpus), settings):
        simulate_corpus(where, chosen.corpus, settings, replace=False)
    outcome = run_task(where, chosen, None, 3, cached=True)
    if not outcome.verdict.passed:
        out.print("Nothing is promoted, so nothing is served.")
        return
    promote_task(where, task)
    with err.status("starting TorchServe"), show.answer(where, chosen, outcome, ServerSettings.any_port()) as answered:
        video, reply = answered
    out.print(f"\nTorchServe's answer to {video}, which was not in training:")
    print_reply(reply)


@app.command()
def tasks() -> None:
    """List the tasks."""
    from pipelines.task import load_task, task_files

    table = Table("task", "classes", "corpus", "method", "what it asks", box=None)
    for name in task_files():
        task = load_task(name)
        table.add_row(name, ", ".join(task.classes), task.corpus, task.distillation.method, task.description)
    out.print(table)


@app.command()
def run(
    task: TaskArgument,
    end: EndOption = None,
    months: Annotated[int, typer.Option(min=1, max=120, help="Length of the window.")] = 3,
    workspace: WorkspaceOption = HERE,
    fresh: Annotated[bool, typer.Option("--fresh", help="Repeat every step, also those that did not change.")] = False,
) -> None:
    """Run the pipeline of a task on this machine, up to a challenger or a reason why there is none."""
    from pipelines.task import load_task

    run_task(workspace_at(workspace), load_task(task), end, months, cached=not fresh)


@app.command()
def ablate(
    task: TaskArgument,
    seeds: Annotated[int, typer.Option(min=1, max=50, help="Seeds a student.")] = 3,
    end: EndOption = None,
    months: Annotated[int, typer.Option(min=1, max=120, help="Length of the window.")] = 3,
    workspace: WorkspaceOption = HERE,
    fresh: Annotated[bool, typer.Option("--fresh", help="Repeat every step, also those that did not change.")] = False,
) -> None:
    """Study a task: methods, mappings, temperatures and fewer labels over one teacher, as a page of tables."""
    from pipelines.task import load_task

    ablate_task(workspace_at(workspace), load_task(task), end, months, seeds, cached=not fresh)


@app.command()
def pretrain(
    task: TaskArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the weights.")],
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: the task's.")] = None,
    end: EndOption = None,
    months: Annotated[int, typer.Option(min=1, max=120, help="Length of the window.")] = 3,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Continue pre-training on a window's videos, without labels: weights for a task's network.start."""
    from pipelines.task import load_task

    pretrain_task(workspace_at(workspace), load_task(task), end, months, epochs, output)


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(help="An official X-VLM checkpoint (.th, .pth).")],
    vision_config: Annotated[Path, typer.Option(help="Its vision config, JSON.")],
    text_config: Annotated[Path, typer.Option(help="Its text config, JSON.")],
    tokenizer: Annotated[str, typer.Option(help="Its tokenizer: a name on the hub or a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the weights.")],
) -> None:
    """Convert official X-VLM weights, without running what the file holds: weights for a task's network.start."""
    convert_checkpoint(checkpoint, vision_config, text_config, tokenizer, output)


@app.command("compile")
def compile_(
    task: TaskArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: TASK.yaml here.")] = None,
) -> None:
    """Compile the pipeline of a task to YAML for Kubeflow Pipelines."""
    from pipelines.graphs.compile import compile_task
    from pipelines.task import load_task

    out.print(f"Compiled to {compile_task(load_task(task), output or Path(f'{task}.yaml'))}")


@app.command()
def status(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="Default: all tasks.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Show the newest runs of a task, their verdicts, and what serves and what asks to."""
    from pipelines.local.run_state import unfinished_runs
    from pipelines.local.runs import task_status
    from pipelines.task import load_task, task_files

    where = workspace_at(workspace)
    names = list(task_files()) if task is None else [load_task(task).task]
    if not (where.folder / "mlflow.db").is_file():
        out.print("Nothing has run here yet: start with 'cpfd demo' or 'cpfd run TASK'")
        return
    for name in names:
        found = task_status(where, name)
        out.print(f"{name}: champion {found.champion or 'none'}, challenger {found.challenger or 'none'}")
        for run_name, where_it_stands in unfinished_runs(where.runs, name)[:5]:
            out.print(f"  {run_name}  {where_it_stands}")
        for each in found.runs:
            started = datetime.fromisoformat(each.started)
            figures = f"F1 {each.metrics['f1_difference']:+.4f}" if "f1_difference" in each.metrics else each.reason
            out.print(
                f"  {started:%Y-%m-%d %H:%M} UTC  {each.name}  {each.seconds:.0f} s  "
                f"{each.verdict or each.status}  {figures}"
            )


@app.command()
def promote(task: TaskArgument, workspace: WorkspaceOption = HERE) -> None:
    """Make a task's challenger its champion: what 'cpfd serve' serves."""
    from pipelines.task import load_task

    promote_task(workspace_at(workspace), load_task(task).task)


@app.command()
def serve(
    workspace: WorkspaceOption = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the inference interface, on loopback.")] = 8080,
    management_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the management interface, on loopback.")
    ] = 8081,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the Prometheus metrics, on loopback.")
    ] = 8082,
) -> None:
    """Serve the champions with TorchServe until interrupted."""
    import signal

    from pipelines.local.serve import serving
    from serving.server import ServerSettings

    settings = ServerSettings(inference_port=port, management_port=management_port, metrics_port=metrics_port)
    waiting = err.status("starting TorchServe")
    waiting.start()
    try:
        with serving(workspace_at(workspace), settings) as (server, versions):
            waiting.stop()
            for task, version in versions.items():
                out.print(f"{task} version {version} answers at {server.inference}/predictions/{task}")
            out.print("Ask with 'cpfd classify'; stop with Ctrl-C.")
            signal.pause()
    finally:
        waiting.stop()


@app.command()
def classify(
    task: TaskArgument,
    video: Annotated[Path | None, typer.Option(help="The video file; for a student of texts alone, none.")] = None,
    title: Annotated[str, typer.Option(help="Its title.")] = "",
    overlay_text: Annotated[str, typer.Option(help="Text shown in it: stickers, captions, OCR.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Ask the served student of a task about one video."""
    ask_server(workspace_at(workspace), task, video, title, overlay_text)


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit status 1."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except UserError as error:
        err.print("[red]Error:[/red]", end=" ")
        err.print(str(error), markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
