"""The commands that make a corpus."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import err, out, simulate_corpus
from pipelines.cli.options import HERE, WorkspaceOption, workspace_at

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
