"""The commands that make a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.options import HERE, WorkspaceOption, workspace_at
from pipelines.cli.output import err, out

if TYPE_CHECKING:
    from corpus.simulation.causes import SimulationSettings
    from pipelines.local.workspace import Workspace

corpus_app = typer.Typer(help="Make a corpus: simulated, or from your own videos.", no_args_is_help=True)


@corpus_app.command("simulate")
def corpus_simulate(
    workspace: WorkspaceOption = HERE,
    name: Annotated[str, typer.Option(help="Name of the corpus.")] = "simulated",
    videos: Annotated[int, typer.Option(min=60, help="How many videos.")] = 4000,
    days: Annotated[int, typer.Option(min=10, help="Over how many days.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same corpus.")] = 0,
    tables_only: Annotated[
        bool, typer.Option("--tables-only", help="No media: millions of videos in minutes.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a corpus of that name.")] = False,
) -> None:
    """Render a simulated corpus: real mp4 files, texts, labels, dense features over time."""
    from corpus.simulation.causes import SimulationSettings

    settings = SimulationSettings(videos=videos, days=days, seed=seed)
    simulate_corpus(workspace_at(workspace), name, settings, replace, tables_only)


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
    """Turn your table, dense tables and media folder, if any, into a corpus. Media stay where they are."""
    from corpus.importing.importer import import_corpus
    from corpus.importing.mapping import read_mapping

    target = workspace_at(workspace).corpus(name or mapping.stem)
    with err.status("importing") as status:
        imported = import_corpus(
            read_mapping(mapping),
            source or mapping.parent,
            target,
            replace,
            lambda step: status.update(f"importing {step}"),
        )
    listed = ", ".join(f"{count} {table}" for table, count in imported.rows.items())
    out.print(f"Imported {listed} to {target}")
    for sentence in imported.uncounted:
        out.print(sentence)


def simulate_corpus(
    workspace: "Workspace", name: str, settings: "SimulationSettings", replace: bool, tables_only: bool = False
) -> None:
    """Make a simulated corpus, with a bar while it is made."""
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
