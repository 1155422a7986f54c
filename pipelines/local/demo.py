"""What the demo does beyond a run: it keeps its corpus, and asks TorchServe about a video not in training."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from corpus.contract import VIDEOS, CorpusError, media_source, read_manifest, read_table
from corpus.simulation.causes import SimulationSettings
from corpus.simulation.simulate import made_by
from pipelines.local.runs import Outcome, held_out_video
from pipelines.local.serve import serving
from pipelines.local.workspace import Workspace
from pipelines.task import Task
from serving.client import Reply, classify, read_video
from serving.server import ServerSettings


def has_corpus(corpus: Path, settings: SimulationSettings) -> bool:
    """Whether ``corpus`` is there already, made with these settings.

    Raises:
        CorpusError: another corpus is there; the demo never replaces one.
    """
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
def answer(workspace: Workspace, task: Task, outcome: Outcome, settings: ServerSettings) -> Iterator[tuple[str, Reply]]:
    """Serve the champions and classify an evaluation video. Yields its id and the reply."""
    video_id = held_out_video(outcome)
    corpus = workspace.corpus(task.corpus)
    table = read_table(corpus / "videos", VIDEOS).to_pandas()
    row = table[table.video_id == video_id].iloc[0]
    with serving(workspace, settings) as (server, _):
        content = read_video(Path(media_source(corpus, row.media_uri))) if "frames" in task.modalities else None
        yield video_id, classify(server, task.task, content, row.title, row.overlay_text)
