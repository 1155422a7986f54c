"""What the commands do and print. Results go to stdout; progress and errors to stderr."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from common.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from corpus.contract import Manifest
    from corpus.simulation.causes import SimulationSettings
    from pipelines.local.runner import RunResult
    from pipelines.local.runs import Outcome
    from pipelines.local.workspace import Workspace
    from pipelines.task import Task
    from serving.client import Reply

out = Console(highlight=False, soft_wrap=True, markup=False)  # what is told has names of files and features
err = Console(stderr=True, highlight=False, soft_wrap=True)


def simulate_corpus(
    workspace: "Workspace", name: str, settings: "SimulationSettings", replace: bool, tables_only: bool = False
) -> None:
    from rich.progress import Progress

    from corpus.contract import read_manifest
    from corpus.simulation.simulate import simulate
    from corpus.simulation.tables import simulate_tables

    target = workspace.corpus(name)
    make, doing = (simulate_tables, "writing tables") if tables_only else (simulate, "rendering videos")
    with Progress(console=err, transient=True) as bar:
        step = bar.add_task(doing, total=settings.videos)
        make(target, settings, replace, lambda done: bar.update(step, completed=done))
    manifest = read_manifest(target)
    out.print(f"{manifest.description}\nMade by: {manifest.made_by}\nIn: {target}")


def run_task(workspace: "Workspace", task: "Task", end: datetime | None, months: int, cached: bool) -> "Outcome":
    from pipelines.graphs.retrain import retrain_pipeline
    from pipelines.local.runs import find_outcome
    from promotion.registry import prepare

    prepare(workspace.tracking_uri, workspace.tracked_artifacts, task.task)
    pipeline = retrain_pipeline(task)
    result, name, manifest = _run(workspace, task, pipeline, end, months, cached, tracked=True)
    outcome = find_outcome(workspace, task.task, name)
    print_outcome(outcome, manifest.simulated)
    if outcome.verdict.passed and "nominate" not in result.steps:
        raise RuntimeError(f"the student passed but was not nominated: see {result.folder / 'log.txt'}")
    return outcome


def ablate_task(
    workspace: "Workspace", task: "Task", end: datetime | None, months: int, seeds: int, cached: bool
) -> None:
    from models.evaluation.metrics import TITLES
    from pipelines.graphs.ablate import ablate_pipeline
    from pipelines.local.runs import find_study

    result, _, _ = _run(workspace, task, ablate_pipeline(task, seeds), end, months, cached, tracked=False)
    report, measures = find_study(result.folder)
    table = Table("model", *TITLES.values(), title=f"all labels, means over {seeds} seeds")
    full = measures[measures.share == 1.0].groupby("model", sort=False)[list(TITLES)].mean()
    for name, values in full.iterrows():
        table.add_row(str(name), *(f"{value:.4f}" for value in values))
    out.print(table)
    out.print(f"Report: {report}")


def pretrain_task(
    workspace: "Workspace", task: "Task", end: datetime | None, months: int, epochs: int | None, output: "Path"
) -> None:
    from pipelines.graphs.pretrain import pretrain_pipeline
    from pipelines.local.runs import keep_start

    if output.exists():
        raise UserError(f"{output} is there already: name another folder with --output")
    if epochs is not None:
        task = task.model_copy(update={"training": task.training.model_copy(update={"epochs": epochs})})
    result, _, _ = _run(workspace, task, pretrain_pipeline(task), end, months, cached=True, tracked=False)
    keep_start(result.folder, output)
    out.print(f"Weights to start from are in {output}; a task file names them as network.start")


def convert_checkpoint(
    checkpoint: "Path", vision_config: "Path", text_config: "Path", tokenizer: str, output: "Path"
) -> None:
    from models.starts.official import convert_official

    report, dropped = convert_official(checkpoint, vision_config, text_config, tokenizer, output)
    out.print(f"{report.describe()}; {len(dropped)} dropped, as they are computed or of other tasks")
    out.print(f"Weights to start from are in {output}; a task file names them as network.start")


def _run(
    workspace: "Workspace",
    task: "Task",
    pipeline: Callable[..., Any],
    end: datetime | None,
    months: int,
    cached: bool,
    tracked: bool,
) -> tuple["RunResult", str, "Manifest"]:
    """Run a graph over a task's window and say how it goes."""
    from corpus.contract import newest_publication, read_manifest, snapshot_id
    from pipelines.local.runner import run_locally, window_arguments
    from pipelines.local.runs import new_run_name

    corpus = workspace.corpus(task.corpus)
    manifest = read_manifest(corpus)
    if end is None:
        newest = newest_publication(corpus).as_py()
        end = datetime(newest.year, newest.month, newest.day) + timedelta(days=1)
    end = end.replace(tzinfo=UTC)
    name = new_run_name(task.task, end)
    simulated = ", simulated" if manifest.simulated else ""
    out.print(f"Run {name}: the {months} months before {end:%Y-%m-%d} of the corpus {manifest.name}{simulated}")
    arguments = window_arguments(task, workspace, end, months, snapshot_id(corpus))
    if tracked:
        arguments |= {"tracking_uri": workspace.tracking_uri, "run_name": name}
    with err.status("preparing") as status:

        def tell(step: str, line: str) -> None:
            status.update(f"{step.replace('-', ' ')}  [dim]{line[: max(20, err.width - 30)].replace('[', '(')}[/dim]")

        result = run_locally(pipeline, arguments, task.task, workspace, name, cached, tell)
    took = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in result.steps.items() if seconds >= 1)
    reused = [step for step, seconds in result.steps.items() if seconds == 0]
    out.print(f"Took {result.seconds:.0f} s: {took}")
    if reused:
        out.print(f"Unchanged and taken from the cache: {', '.join(reused)}")
    out.print()
    return result, name, manifest


def print_outcome(outcome: "Outcome", simulated: bool) -> None:
    from models.evaluation.metrics import TITLES

    title = f"{outcome.evaluation.rows['evaluation']} evaluation rows" + (" (simulated)" if simulated else "")
    judged, *others = TITLES.values()
    table = Table("model", judged, "95 % interval", *others, title=title)
    for name, values in outcome.evaluation.models.items():
        judged, *others = (f"{value:.4f}" for value in values.metrics.values())
        table.add_row(name, judged, f"{values.interval[0]:.4f} to {values.interval[1]:.4f}", *others)
    out.print(table)
    verdict = ("passed", "green") if outcome.verdict.passed else ("not passed, nothing is promoted", "yellow")
    out.print(Text.assemble("Gate: ", verdict, f": {outcome.verdict.reason}"))
    out.print(f"Report: {outcome.report}")


def promote_task(workspace: "Workspace", task: str) -> None:
    from promotion.registry import promote

    version, former = promote(workspace.tracking_uri, task)
    replaced = f", in place of version {former}" if former else ""
    out.print(
        f"{task} version {version} is now the champion{replaced}; a running 'cpfd serve' serves it once restarted"
    )


def ask_server(workspace: "Workspace", task: str, video: "Path | None", title: str, overlay_text: str) -> None:
    from serving.client import RequestRefused, classify, read_video
    from serving.server import Server

    if video is None and not title and not overlay_text:
        raise RequestRefused("there is nothing to ask about: give --video, --title or --overlay-text")
    content = None if video is None else read_video(video)
    server = Server.find(workspace.server_file)
    print_reply(classify(server, task, content, title, overlay_text))


def print_reply(reply: "Reply") -> None:
    out.print(f"{reply.task} version {reply.version}: {reply.label}")
    for label, score in sorted(reply.scores.items(), key=lambda item: -item[1]):
        out.print(f"  {label:<20} {score:.4f}")
