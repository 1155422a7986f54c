"""What the commands do and print. Results go to stdout; progress and errors to stderr."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from corpus.latents import SimulationSettings
    from pipelines.runs import Outcome
    from pipelines.task import Task
    from pipelines.workspace import Workspace
    from serving.client import Reply

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def simulate_corpus(workspace: "Workspace", name: str, settings: "SimulationSettings", replace: bool) -> None:
    from rich.progress import Progress

    from corpus.contract import read_manifest
    from corpus.simulate import simulate

    target = workspace.corpus(name)
    with Progress(console=err, transient=True) as bar:
        rendering = bar.add_task("rendering videos", total=settings.videos)
        simulate(target, settings, replace, lambda done: bar.update(rendering, completed=done))
    manifest = read_manifest(target)
    out.print(f"{manifest.description}\nMade by: {manifest.made_by}\nIn: {target}")


def run_task(workspace: "Workspace", task: "Task", end: datetime | None, months: int, cached: bool) -> "Outcome":
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
    print_outcome(outcome, manifest.simulated)
    if outcome.verdict.passed and "nominate" not in result.steps:
        raise RuntimeError(f"the student passed but was not nominated: see {result.folder / 'log.txt'}")
    return outcome


def print_outcome(outcome: "Outcome", simulated: bool) -> None:
    title = f"{outcome.evaluation.rows['evaluation']} evaluation rows" + (" (simulated)" if simulated else "")
    table = Table("model", "F1", "95 % interval", "ROC-AUC", "PR-AUC", title=title)
    for name, values in outcome.evaluation.models.items():
        interval = f"{values.f1_interval[0]:.4f} to {values.f1_interval[1]:.4f}"
        table.add_row(name, f"{values.f1:.4f}", interval, f"{values.roc_auc:.4f}", f"{values.pr_auc:.4f}")
    out.print(table)
    verdict = "[green]passed[/green]" if outcome.verdict.passed else "[yellow]not passed, nothing is promoted[/yellow]"
    out.print(f"Gate: {verdict}: {outcome.verdict.reason}")
    out.print(f"Report: {outcome.report}")


def promote_task(workspace: "Workspace", task: str) -> None:
    from registry.tracking import promote

    version, former = promote(workspace.tracking_uri, task)
    replaced = f", in place of version {former}" if former else ""
    out.print(
        f"{task} version {version} is now the champion{replaced}; a running 'cpfd serve' serves it once restarted"
    )


def print_reply(reply: "Reply") -> None:
    out.print(f"{reply.task} version {reply.version}: {reply.label}")
    for label, score in sorted(reply.scores.items(), key=lambda item: -item[1]):
        out.print(f"  {label:<20} {score:.4f}")
