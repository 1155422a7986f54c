"""Run a graph on this machine with kfp.local: progress a step, one sentence on failure, the whole log in a file."""

import contextlib
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from common.errors import UserError
from pipelines.local.left_over import LOG_FILE, end_processes
from pipelines.local.run_state import FAILED, FINISHED, MAIN, RUNNING, STOPPED, RunState
from pipelines.local.step_log import Progress, StepLog
from pipelines.request import Request
from pipelines.workspace import Workspace
from serving.signals import termination_as_interrupt


class RunFailed(UserError):  # noqa: N818 - what happened to the run
    """A step failed; the message names it, its reason and the log. ``outputs`` are what the run left until then."""

    def __init__(self, message: str, step: str, outputs: dict[str, Path]) -> None:
        super().__init__(message)
        self.step, self.outputs = step, outputs


@dataclass(frozen=True)
class RunResult:
    """What a local run left behind. ``steps`` holds seconds a step, in order; None for one taken from the cache.

    ``outputs`` says where each is, by "step/output"; ``warnings`` are those that steps printed.
    """

    folder: Path
    steps: dict[str, float | None]
    seconds: float
    state: RunState
    cached: dict[str, Path]
    warnings: list[str]

    @property
    def outputs(self) -> dict[str, Path]:
        return _outputs(self.folder, self.cached)

    @property
    def made_by(self) -> list[str]:
        """The runs in whose folders the outputs lie that came from the cache."""
        return sorted({path.relative_to(self.folder.parent).parts[0] for path in self.cached.values()})


class _Noting(Progress):
    """Keeps the run's state file up to date, and passes on what happens."""

    def __init__(self, state: RunState, to: Progress) -> None:
        self.state, self.to = state, to

    def started(self, step: str, number: int) -> None:
        self.state.note(RUNNING, step)
        self.to.started(step, number)

    def said(self, step: str, line: str) -> None:
        self.to.said(step, line)

    def warned(self, sentence: str) -> None:
        self.to.warned(sentence)

    def ended(self, step: str, number: int, seconds: float | None) -> None:
        self.to.ended(step, number, seconds)


def steps_of(pipeline: Callable[..., Any]) -> int:
    """How many steps a graph has, those of its conditions included."""
    spec = pipeline.pipeline_spec  # type: ignore[attr-defined]
    components = dict(spec.components.items())

    def count(dag: Any) -> int:
        found = 0
        for task in dag.tasks.values():
            component = components[task.component_ref.name]
            found += count(component.dag) if component.HasField("dag") else 1
        return found

    return count(spec.root.dag)


def run_locally(
    pipeline: Callable[..., Any],
    request: Request,
    workspace: Workspace,
    cached: bool = True,
    progress: Progress | None = None,
    kind: str = MAIN,
) -> RunResult:
    """Run a graph for a request. Steps whose code, settings and inputs did not change come from the cache.

    The caller holds the workspace's ``running_lock``.

    Raises:
        RunFailed: a step failed.
    """
    from kfp import local

    folder = workspace.runs / request.inputs.run_name
    folder.mkdir(parents=True)
    workspace.cache.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    state = RunState(folder, request.task.task, kind=kind)
    state.note(RUNNING, "")
    noting = _Noting(state, progress or Progress())
    taken: dict[str, Path] = {}
    with (
        (folder / LOG_FILE).open("w") as file,
        _captured(StepLog(file, noting)) as log,
        _noting_cache_hits(taken),
        _no_orphans(),
    ):
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(folder),
            raise_on_error=True,
            enable_caching=cached,
            cache_root=str(workspace.cache),
        )
        try:
            pipeline(**request.arguments)
        except KeyboardInterrupt:
            state.note(STOPPED, log.step)
            raise
        except Exception as error:
            if not log.failed:  # not a step, but what runs the steps
                state.note(FAILED, log.step, str(error))
                raise
            reason, mistake = log.reason()
            fault = "" if mistake else ", which is a fault of the program"
            state.note(FAILED, log.failed, reason)
            message = f"the step {log.failed} failed: {reason}{fault} (the whole log: {folder / LOG_FILE})"
            raise RunFailed(message, log.failed, _outputs(folder, taken)) from error
    result = RunResult(folder, log.steps, time.monotonic() - began, state, taken, log.warnings)
    state.note(FINISHED, log.step, made_by=result.made_by)
    return result


def _outputs(folder: Path, cached: dict[str, Path]) -> dict[str, Path]:
    """Outputs in the run's folder, and where the cache has the others."""
    return {**cached, **{f"{path.parent.name}/{path.name}": path for path in folder.glob("cpfd-*/*/*")}}


@contextlib.contextmanager
def _noting_cache_hits(taken: dict[str, Path]) -> Iterator[None]:
    """Note in ``taken`` where the outputs lie that kfp takes from its local cache: it says so nowhere."""
    from kfp.local.cache import LocalCache

    get = LocalCache.get

    def noting(cache: LocalCache, key: str) -> dict[str, Any] | None:
        found = get(cache, key)
        for value in (found or {}).values():
            if uri := getattr(value, "uri", ""):
                taken["/".join(Path(uri).parts[-2:])] = Path(uri)
        return found

    LocalCache.get = noting
    try:
        yield
    finally:
        LocalCache.get = get


@contextlib.contextmanager
def _no_orphans() -> Iterator[None]:
    """End what steps started when the run ends early. What the caller had started before is the caller's."""
    own = set(psutil.Process().children())
    try:
        with termination_as_interrupt():
            yield
    finally:
        end_processes([each for each in psutil.Process().children() if each not in own])


@contextlib.contextmanager
def _captured(log: StepLog) -> Iterator[StepLog]:
    """kfp prints steps, logs and tracebacks to stdout, and leaves the root logger changed."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    stream: Any = log
    # What kfp logs between steps, cache hits above all, would go nowhere at the default level.
    root.handlers[:] = [logging.StreamHandler(stream)]
    root.setLevel(logging.INFO)
    try:
        with contextlib.redirect_stdout(stream), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield log
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
