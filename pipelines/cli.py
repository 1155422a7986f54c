"""The command line. Imports of the rooms are inside the commands: ``--help`` should not wait for torch."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pipelines.runs import Outcome
    from pipelines.task import Task
    from pipelines.workspace import Workspace
    from serving.client import Reply

app = typer.Typer(
    help="Confidence-aware privileged feature distillation: from short videos to a served student.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
corpus_app = typer.Typer(help="Make a corpus: simulated, or from your own videos.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", envvar="CPFD_WORKSPACE", help="Folder that holds corpora, runs and models.")
]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="A task; 'cpfd tasks' lists them.")]
EndOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="First day after the window. Default: the day after the newest video."),
]
HERE = Path(".cpfd")
# Read by the libraries when they are imported: no telemetry, no bars and notices between our own lines.
QUIET = {
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
}


def _workspace(folder: Path) -> "Workspace":
    from pipelines.workspace import Workspace

    return Workspace.at(folder)


@app.command()
def demo(
    workspace: WorkspaceOption = HERE,
    videos: Annotated[int, typer.Option(min=60, help="Videos to simulate.")] = 4000,
    task: Annotated[str, typer.Option(help="The task to run.")] = "low_quality",
) -> None:
    """The main job on simulated videos: corpus, run, promotion, TorchServe, and its answer to a held-out video."""
    from corpus.simulate import SimulationSettings
    from pipelines import demo as show
    from pipelines.task import load_task
    from serving.server import ServerSettings

    where, chosen = _workspace(workspace), load_task(task)
    settings = SimulationSettings(videos=videos)
    with where.serving_lock():
        pass  # said before the work rather than after it, if another server holds the workspace
    if not show.has_corpus(where.corpus(chosen.corpus), settings):
        _simulate(where, chosen.corpus, settings, replace=False)
    outcome = _run(where, chosen, None, 3, cached=True)
    if not outcome.verdict.passed:
        out.print("Nothing is promoted, so nothing is served.")
        return
    _promote(where, task)
    with err.status("starting TorchServe"), show.answer(where, chosen, outcome, ServerSettings.any_port()) as answered:
        video, reply = answered
    out.print(f"\nTorchServe's answer to {video}, which was not in training:")
    _print_reply(reply)


@corpus_app.command("simulate")
def corpus_simulate(
    workspace: WorkspaceOption = HERE,
    name: Annotated[str, typer.Option(help="Name of the corpus.")] = "simulated",
    videos: Annotated[int, typer.Option(min=60, help="How many videos.")] = 4000,
    days: Annotated[int, typer.Option(min=10, help="Over how many days.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same corpus.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a corpus of that name.")] = False,
) -> None:
    """Render a simulated corpus: real mp4 files, texts, labels, dense features over time."""
    from corpus.simulate import SimulationSettings

    settings = SimulationSettings(videos=videos, days=days, seed=seed)
    _simulate(_workspace(workspace), name, settings, replace)


@corpus_app.command("import")
def corpus_import(
    mapping: Annotated[Path, typer.Argument(help="YAML that maps your columns onto the contract.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder that the mapping's paths are relative to.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the corpus. Default: the mapping's file name.")] = None,
    workspace: WorkspaceOption = HERE,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a corpus of that name.")] = False,
) -> None:
    """Turn your table, media folder and dense tables into a corpus. Media stay where they are."""
    from corpus.importing import import_corpus, read_mapping

    target = _workspace(workspace).corpus(name or mapping.stem)
    with err.status("importing") as status:
        counts = import_corpus(
            read_mapping(mapping),
            source or mapping.parent,
            target,
            replace,
            lambda step: status.update(f"importing {step}"),
        )
    listed = ", ".join(f"{count} {table}" for table, count in counts.items())
    out.print(f"Imported {listed} to {target}")


@app.command()
def tasks() -> None:
    """List the tasks."""
    from pipelines.task import load_task, task_names

    table = Table("task", "classes", "corpus", "method", "what it asks", box=None)
    for name in task_names():
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

    _run(_workspace(workspace), load_task(task), end, months, cached=not fresh)


@app.command("compile")
def compile_(
    task: TaskArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: TASK.yaml here.")] = None,
) -> None:
    """Compile the pipeline of a task to YAML for Kubeflow Pipelines."""
    from pipelines.cluster import compile_task
    from pipelines.task import load_task

    out.print(f"Compiled to {compile_task(load_task(task), output or Path(f'{task}.yaml'))}")


@app.command()
def status(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="Default: all tasks.")] = None,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Show the newest runs of a task, their verdicts, and what serves and what asks to."""
    from pipelines.runs import task_status
    from pipelines.state import unfinished_runs
    from pipelines.task import load_task, task_names

    where = _workspace(workspace)
    names = task_names() if task is None else [load_task(task).task]
    if not (where.folder / "mlflow.db").is_file():
        out.print("Nothing has run here yet: start with 'cpfd demo' or 'cpfd run TASK'")
        return
    for name in names:
        found = task_status(where, name)
        out.print(f"{name}: champion {found.champion or 'none'}, challenger {found.challenger or 'none'}")
        for run_name, where_it_stands in unfinished_runs(where.runs, name)[:5]:
            out.print(f"  {run_name}  {where_it_stands}", markup=False)
        for each in found.runs:
            started = datetime.fromtimestamp(each.info.start_time / 1000, UTC)
            difference = each.data.metrics.get("f1_difference", float("nan"))
            verdict = each.data.tags["verdict"]
            out.print(f"  {started:%Y-%m-%d %H:%M} UTC  {each.info.run_name}  {verdict}  F1 {difference:+.4f}")


@app.command()
def promote(task: TaskArgument, workspace: WorkspaceOption = HERE) -> None:
    """Make a task's challenger its champion: what 'cpfd serve' serves."""
    from pipelines.task import load_task

    _promote(_workspace(workspace), load_task(task).task)


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

    from pipelines.serve import serving
    from serving.server import ServerSettings

    settings = ServerSettings(inference_port=port, management_port=management_port, metrics_port=metrics_port)
    waiting = err.status("starting TorchServe")
    waiting.start()
    try:
        with serving(_workspace(workspace), settings) as (server, versions):
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
    video: Annotated[Path, typer.Option(help="The video file.")],
    title: Annotated[str, typer.Option(help="Its title.")] = "",
    overlay_text: Annotated[str, typer.Option(help="Text shown in it: stickers, captions, OCR.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Ask the served student of a task about one video."""
    from serving.client import classify, read_video
    from serving.server import Server

    content = read_video(video)
    server = Server.find(_workspace(workspace).server_file)
    _print_reply(classify(server, task, content, title, overlay_text))


def _simulate(workspace: "Workspace", name: str, settings: Any, replace: bool) -> None:
    from rich.progress import Progress

    from corpus.contract import read_manifest
    from corpus.simulate import simulate

    target = workspace.corpus(name)
    with Progress(console=err, transient=True) as bar:
        rendering = bar.add_task("rendering videos", total=settings.videos)
        simulate(target, settings, replace, lambda done: bar.update(rendering, completed=done))
    manifest = read_manifest(target)
    out.print(f"{manifest.description}\nMade by: {manifest.made_by}\nIn: {target}")


def _run(workspace: "Workspace", task: "Task", end: datetime | None, months: int, cached: bool) -> "Outcome":
    from corpus.contract import newest_publication, read_manifest, snapshot_id
    from pipelines.local import run_locally
    from pipelines.runs import find_outcome, new_run_name
    from registry.tracking import prepare

    corpus = workspace.corpus(task.corpus)
    manifest = read_manifest(corpus)
    if end is None:
        newest = newest_publication(corpus).as_py()
        end = datetime(newest.year, newest.month, newest.day) + timedelta(days=1)
    end = end.replace(tzinfo=UTC)
    name = new_run_name(task.task, end)
    simulated = ", simulated" if manifest.simulated else ""
    out.print(f"Run {name}: the {months} months before {end:%Y-%m-%d} of the corpus {manifest.name}{simulated}")
    with err.status("preparing") as status:
        prepare(workspace.tracking_uri, workspace.tracked_artifacts, task.task)

        def tell(step: str, line: str) -> None:
            status.update(f"{step.replace('-', ' ')}  [dim]{line[: max(20, err.width - 30)].replace('[', '(')}[/dim]")

        result = run_locally(task, workspace, end, months, snapshot_id(corpus), name, cached, tell)
    took = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in result.steps.items() if seconds >= 1)
    reused = [step for step, seconds in result.steps.items() if seconds == 0]
    out.print(f"Took {result.seconds:.0f} s: {took}")
    if reused:
        out.print(f"Unchanged and taken from the cache: {', '.join(reused)}")
    out.print()
    outcome = find_outcome(workspace, task.task, name)
    _print_outcome(outcome, manifest.simulated)
    if outcome.verdict.passed and "nominate" not in result.steps:
        raise RuntimeError(f"the student passed but was not nominated: see {result.folder / 'log.txt'}")
    return outcome


def _print_outcome(outcome: "Outcome", simulated: bool) -> None:
    title = f"{outcome.evaluation.rows['evaluation']} evaluation rows" + (" (simulated)" if simulated else "")
    table = Table("model", "F1", "95 % interval", "ROC-AUC", "PR-AUC", title=title)
    for name, values in outcome.evaluation.models.items():
        interval = f"{values.f1_interval[0]:.4f} to {values.f1_interval[1]:.4f}"
        table.add_row(name, f"{values.f1:.4f}", interval, f"{values.roc_auc:.4f}", f"{values.pr_auc:.4f}")
    out.print(table)
    verdict = "[green]passed[/green]" if outcome.verdict.passed else "[yellow]not passed, nothing is promoted[/yellow]"
    out.print(f"Gate: {verdict}: {outcome.verdict.reason}")
    out.print(f"Report: {outcome.report}")


def _promote(workspace: "Workspace", task: str) -> None:
    from registry.tracking import promote

    version, former = promote(workspace.tracking_uri, task)
    replaced = f", in place of version {former}" if former else ""
    out.print(
        f"{task} version {version} is now the champion{replaced}; a running 'cpfd serve' serves it once restarted"
    )


def _print_reply(reply: "Reply") -> None:
    out.print(f"{reply.task} version {reply.version}: {reply.label}")
    for label, score in sorted(reply.scores.items(), key=lambda item: -item[1]):
        out.print(f"  {label:<20} {score:.4f}")


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit status 1."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except (ValueError, RuntimeError, OSError) as error:
        err.print("[red]Error:[/red]", end=" ")
        err.print(str(error), markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
