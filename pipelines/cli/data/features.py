"""The commands about privileged features: how they are doing, and appending to them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pipelines.cli.options import HERE, TasksOption, WorkspaceOption, tasks_folder, workspace_at
from pipelines.cli.output import out

if TYPE_CHECKING:
    from pipelines.local.feature_worth import Worth

features_app = typer.Typer(help="Privileged features: how they are doing, and appending to them.")


@features_app.callback(invoke_without_command=True)
def features(
    context: typer.Context,
    task: Annotated[str | None, typer.Option(help="Only the views of this task. Default: all tasks.")] = None,
    workspace: WorkspaceOption = HERE,
    tasks: TasksOption = None,
) -> None:
    """List feature views: owner, tasks, freshness, what is missing, and what dropping them would cost the teacher."""
    from pipelines.local.feature_worth import newest_worth
    from pipelines.task import load_task, task_files

    if context.invoked_subcommand is not None:
        return
    where = workspace_at(workspace)
    own = tasks_folder(where, tasks)
    chosen = [load_task(name, own) for name in (list(task_files(own)) if task is None else [task])]
    corpora = {each.corpus: where.corpus(each.corpus) for each in chosen}
    there = {name: folder for name, folder in corpora.items() if (folder / "corpus.json").is_file()}
    if not there:
        out.print("There is no corpus here yet: make one with 'cpfd corpus simulate' or 'cpfd corpus import'")
        return
    for name, folder in there.items():
        users = {each.task: each.features for each in chosen if each.corpus == name}
        _print_views(name, folder, users, only_theirs=task is not None)
    for each in chosen:
        worth = newest_worth(where.runs, each.task)
        if worth is not None:
            _print_worth(each.task, worth)


@features_app.command()
def append(
    view: Annotated[str, typer.Argument(help="The feature view.")],
    table: Annotated[Path, typer.Argument(help="Parquet or CSV with the view's columns.")],
    corpus: Annotated[str, typer.Option(help="The corpus, by name or path.")] = "simulated",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Append a backfill or late corrections to a view. Rows without created_timestamp count as written now."""
    from pipelines.local.feature_worth import append_table

    where = workspace_at(workspace)
    rows = append_table(where.corpus(corpus), view, table, where.feature_registry)
    out.print(f"Appended {rows} rows to {view} of the corpus {corpus}; what was there is as it was.")


def _print_views(corpus: str, folder: Path, users: dict[str, tuple[str, ...]], only_theirs: bool) -> None:
    """``users`` are tasks with the views that their task files name."""
    from corpus.contract import newest_publication
    from feature_repo.view_status import view_status

    newest = newest_publication(folder).as_py()
    table = Table("view", "owner", "tasks", "rows", "newest writing", "missing", title=f"corpus {corpus}", box=None)
    for status in view_status(folder):
        tasks = [task for task, features in users.items() if status.name in features]
        if only_theirs and not tasks:
            continue
        missing = ", ".join(f"{name} {share:.0%}" for name, share in status.missing.items() if share >= 0.005)
        written = "never"
        if status.newest_written is not None:
            hours = (status.newest_written - newest).total_seconds() / 3_600
            written = f"{status.newest_written:%Y-%m-%d %H:%M} ({hours:+.0f} h from the newest video)"
        table.add_row(status.name, status.owner, ", ".join(tasks), f"{status.rows:,}", written, missing or "nothing")
    out.print(table)


def _print_worth(task: str, worth: "Worth") -> None:
    title = f"{task}: what dropping one would cost its teacher, by shuffles ({worth.rows} rows of {worth.run})"
    table = Table("view", "feature", "ROC-AUC", "±", "missing", "drift index", title=title, box=None)
    for line in worth.lines:
        table.add_row(
            line.view,
            line.feature or "all",
            f"{-line.roc_auc_drop:+.4f}",
            f"{line.deviation:.4f}",
            "" if line.missing is None else f"{line.missing:.0%}",
            "" if line.drift is None else f"{line.drift:.3f}",
        )
    out.print(table)
    if worth.page is not None:
        out.print(f"When values came, and what they look like: {worth.page}")
