"""The demo: the main job on simulated videos, and TorchServe's answer about one that was not in training."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.data.corpus import simulate_corpus
from pipelines.cli.exit import NOT_PASSED
from pipelines.cli.options import HERE, WorkspaceOption, chosen_task, workspace_at
from pipelines.cli.output import err, out
from pipelines.cli.review.decisions import approve_version
from pipelines.cli.run import run_and_print
from pipelines.cli.serve import print_reply

if TYPE_CHECKING:
    from corpus.simulation.causes import SimulationSettings
    from pipelines.local.outcome import Outcome
    from pipelines.task import Task
    from pipelines.workspace import Workspace
    from serving.client import Reply


def demo(
    workspace: WorkspaceOption = HERE,
    videos: Annotated[int, typer.Option(min=60, help="Videos to simulate.")] = 8000,
    task: Annotated[str, typer.Option(help="The task to run.")] = "low_quality",
) -> None:
    """The main job on simulated videos: corpus, run, promotion, TorchServe, and its answer to a held-out video."""
    from corpus.simulation.causes import SimulationSettings
    from pipelines.request import Request
    from promotion.review import standing

    where = workspace_at(workspace)
    chosen, settings = chosen_task(task, where, None), SimulationSettings(videos=videos)
    with where.serving_lock():
        pass  # said before the work rather than after it, if another server holds the workspace
    if not has_corpus(where.corpus(chosen.corpus), settings):
        simulate_corpus(where, chosen.corpus, settings, replace=False)
    finished = run_and_print(Request.in_workspace(chosen, where), where, cached=True)
    if not finished.outcome.verdict.passed:
        out.print("Nothing is promoted, so nothing is served.")
        raise typer.Exit(NOT_PASSED)
    assert finished.outcome.version is not None  # noqa: S101 - a student that passed has one
    if standing(where.ledger_uri, chosen.task).champion != finished.outcome.version:  # of a demo that is repeated
        approve_version(where, chosen.task, finished.outcome.version, None, "the demo promotes what passed")
    answering = answer(where, chosen, finished.outcome)
    with err.status("starting TorchServe"), answering as (video, reply):
        pass
    out.print(f"\nTorchServe's answer to {video}, which was not in training:")
    print_reply(reply)


def has_corpus(corpus: Path, settings: "SimulationSettings") -> bool:
    """Whether ``corpus`` is there already, made with these settings.

    Raises:
        CorpusError: another corpus is there; the demo never replaces one.
    """
    from corpus.contract import CorpusError, read_manifest
    from corpus.simulation.simulate import made_by

    if not corpus.exists():
        return False
    manifest = read_manifest(corpus)
    if not manifest.simulated or manifest.made_by != made_by(settings):
        raise CorpusError(
            f"{corpus} holds another corpus ({manifest.made_by}), which the demo does not replace: "
            "give the demo a --workspace of its own"
        )
    return True


@contextmanager
def answer(workspace: "Workspace", task: "Task", outcome: "Outcome") -> Iterator[tuple[str, "Reply"]]:
    """Serve the champions and classify an evaluation video. Yields its id and the reply."""
    from corpus.contract import VIDEOS, media_source, read_table
    from pipelines.local.outcome import held_out_video
    from pipelines.local.serve import serving
    from serving.client import classify, read_video
    from serving.configuration import ServerSettings

    video_id = held_out_video(outcome)
    corpus = workspace.corpus(task.corpus)
    table = read_table(corpus / "videos", VIDEOS).to_pandas()
    row = table[table.video_id == video_id].iloc[0]
    with serving(workspace, ServerSettings.any_port()) as (server, _):
        content = read_video(Path(media_source(corpus, row.media_uri))) if "frames" in task.modalities else None
        yield video_id, classify(server, task.task, content, row.title, row.overlay_text)
