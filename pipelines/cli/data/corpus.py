"""The commands that make a corpus, and that show what is in one."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel
from rich.table import Table

from pipelines.cli.options import HERE, WorkspaceOption, workspace_at
from pipelines.cli.output import err, out

if TYPE_CHECKING:
    from corpus.simulation.causes import SimulationSettings
    from corpus.summary import Dense, Labels, Summary
    from pipelines.workspace import Workspace

corpus_app = typer.Typer(
    help="Make a corpus: simulated, or from your own videos. Show what is in one.", no_args_is_help=True
)


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

    target = _new_place(workspace_at(workspace), name or mapping.stem)
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


@corpus_app.command("show")
def corpus_show(
    name: Annotated[
        str | None, typer.Argument(help="A corpus, by name or path. Default: each of the workspace.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="A list of corpora, for programs.")] = False,
) -> None:
    """Show what a corpus holds: its videos, its labels by name and class, its dense tables."""
    from corpus.contract import CorpusError
    from corpus.summary import summarise

    where = workspace_at(workspace)
    found = (
        [where.corpus(name)]
        if name is not None
        else sorted(path.parent for path in (where.folder / "corpora").glob("*/corpus.json"))
    )
    summaries = []
    for folder in found:
        try:
            summaries.append(summarise(folder))
        except CorpusError as error:  # one that cannot be read hides no other, unless it was asked for
            if name is not None:
                raise
            err.print(str(error), markup=False)
    if as_json:
        out.print(json.dumps([asdict(each) for each in summaries], indent=1, default=_as_json))
        return
    if not found:
        out.print("There is no corpus here yet: make one with 'cpfd corpus simulate' or 'cpfd corpus import'")
    for each in summaries:
        _print_summary(each)


def _print_summary(corpus: "Summary") -> None:
    out.print(f"{corpus.name}{' (simulated)' if corpus.simulated else ''}: {corpus.description}")
    out.print(f"Made by: {corpus.made_by}\nIn: {corpus.folder}")
    span = f" published {_day(corpus.first)} to {_day(corpus.last)}," if corpus.videos else ""
    out.print(f"{corpus.videos:,} videos,{span} {corpus.stored:,} of them stored, {corpus.groups:,} groups\n")
    if corpus.labels:
        out.print(_labels_table(corpus.labels))
    if corpus.dense:
        out.print(_dense_table(corpus.dense))


def _labels_table(labels: "list[Labels]") -> Table:
    columns = ("labels", "classes", "made", "half of them within")
    table = Table(*columns, title="labels: what a task names as 'labels', or is named after", box=None)
    for each in labels:
        classes = ", ".join(f"{count:,} {label}" for label, count in each.classes.items())
        delay = "" if each.median_delay_hours is None else f"{each.median_delay_hours:.1f} h of publication"
        table.add_row(each.name, classes, f"{_day(each.first)} to {_day(each.last)}", delay)
    return table


def _dense_table(dense: "list[Dense]") -> Table:
    columns = ("table", "owner", "rows", "features", "what it is")
    table = Table(*columns, title="dense tables: what a task's 'features' can name", box=None)
    for each in dense:
        features = ", ".join(each.declared.features)
        table.add_row(each.name, each.declared.owner, f"{each.rows:,}", features, each.declared.description)
    return table


def _day(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d}"


def _as_json(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _new_place(workspace: "Workspace", name: str) -> Path:
    """Where a corpus is to be made: below the workspace, which comes to be with it, or at a path of its own."""
    from pipelines.local.adoption import claim_place

    target = workspace.corpus(name)
    if target.is_relative_to(workspace.folder):
        claim_place(workspace.folder)
    return target


def simulate_corpus(
    workspace: "Workspace", name: str, settings: "SimulationSettings", replace: bool, tables_only: bool = False
) -> None:
    """Make a simulated corpus, with a bar while it is made."""
    from rich.progress import Progress

    from corpus.contract import read_manifest
    from corpus.simulation.simulate import simulate
    from corpus.simulation.tables import simulate_tables

    target = _new_place(workspace, name)
    make, doing = (simulate_tables, "writing tables") if tables_only else (simulate, "rendering videos")
    with Progress(console=err, transient=True) as bar:
        step = bar.add_task(doing, total=settings.videos)
        make(target, settings, replace, lambda done: bar.update(step, completed=done))
    manifest = read_manifest(target)
    out.print(f"{manifest.description}\nMade by: {manifest.made_by}\nIn: {target}")
