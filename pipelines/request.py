"""A request: one task, one window, and where things are kept. What a graph is given when it runs follows from it."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from corpus.contract import day_after, newest_publication, read_manifest, snapshot_id
from corpus.settings import MONTHS
from corpus.window import require_window, window_start
from feature_repo.services import require_features
from pipelines.cluster.settings import Cluster
from pipelines.task import Task
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class Inputs:
    """The parameters of every graph, on a laptop and on a cluster; within a graph their values are KFP's channels.

    ``snapshot`` is the digest of the corpus's tables ('' where nobody knows it yet). Unfinished work is kept below
    ``checkpoints``, decoded clips are shared below ``clip_store``; '' for nowhere. ``once``: give way if another run
    trains or trained the window. A run of a ``schedule`` (five-field cron, whose first slot is ``since``) is given no
    ``window_end``: it trains that of its slot, when those of all earlier slots are settled.
    """

    corpus: str
    window_end: str
    tracking_uri: str
    ledger_uri: str
    feature_registry: str
    run_name: str
    months: int = MONTHS
    seed: int = 0
    snapshot: str = ""
    checkpoints: str = ""
    clip_store: str = ""
    feature_profile: str = "local"
    once: bool = False
    schedule: str = ""
    since: str = ""


@dataclass(frozen=True)
class Request:
    """Run ``task`` for a window."""

    task: Task
    inputs: Inputs

    @classmethod
    def in_workspace(
        cls, task: Task, workspace: Workspace, end: datetime | None = None, months: int = MONTHS
    ) -> "Request":
        """The request of a run on this machine. ``end`` is the first day after the window, in UTC if it has no zone;
        the default is the day after the corpus's newest video.

        Raises:
            CorpusError: there is no corpus where the task says, or it has nothing for the task in this window.
            FeatureError: the corpus lacks a dense table that the task names.
        """
        corpus = workspace.corpus(task.corpus)
        read_manifest(corpus)
        end = day_after(newest_publication(corpus).as_py()) if end is None else _in_utc(end)
        require_window(corpus, task.labels, task.classes, window_start(end, months), end)
        require_features(corpus, task.task, task.features)
        return cls(
            task,
            Inputs(
                corpus=str(corpus),
                window_end=end.isoformat(),
                tracking_uri=workspace.tracking_uri,
                ledger_uri=workspace.ledger_uri,
                feature_registry=workspace.feature_registry,
                run_name=new_run_name(task.task, end),
                months=months,
                seed=task.seed,
                snapshot=snapshot_id(corpus),
                checkpoints=str(workspace.checkpoints),
                clip_store=str(workspace.clips),
            ),
        )

    @classmethod
    def on_cluster(cls, task: Task, cluster: Cluster, end: datetime | None, months: int = MONTHS) -> "Request":
        """The request of a run on a cluster; without ``end`` it is for the slot of a schedule.

        Whether there is anything in the window is found by its first steps, as only pods see the corpus.
        """
        return cls(
            task,
            Inputs(
                corpus=cluster.corpus(task.corpus),
                window_end=_in_utc(end).isoformat() if end else "",
                tracking_uri=cluster.tracking_uri,
                ledger_uri=cluster.ledger_uri,
                feature_registry=cluster.feature_registry,
                run_name="",
                months=months,
                seed=task.seed,
                checkpoints=cluster.checkpoints,
                clip_store=cluster.clip_store,
                feature_profile=cluster.feature_profile,
            ),
        )

    def training_once(self, schedule: str = "", since: str = "") -> "Request":
        """The same, but giving way to whoever has the window; with a schedule, also to the windows that come before."""
        return replace(self, inputs=replace(self.inputs, once=True, schedule=schedule, since=since))

    @property
    def corpus(self) -> Path:
        return Path(self.inputs.corpus)

    @property
    def end(self) -> datetime:
        return datetime.fromisoformat(self.inputs.window_end)

    @property
    def start(self) -> datetime:
        return window_start(self.end, self.inputs.months)

    @property
    def arguments(self) -> dict[str, Any]:
        """What the graph is called with."""
        return asdict(self.inputs)


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def new_run_name(task: str, window_end: datetime) -> str:
    """A name that sorts by start and says what it covers."""
    return f"{task}-to-{window_end:%Y%m%d}-at-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"[:-3]
