"""Run the graph on this machine with kfp.local: progress a step, one sentence on failure, the whole log in a file."""

import contextlib
import io
import logging
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import psutil

from common.errors import UserError
from pipelines.local.run_state import RunState
from pipelines.local.signals import termination_as_interrupt
from pipelines.local.workspace import Workspace
from pipelines.task import Task

STARTED = re.compile(r"Executing task .*?'([\w-]+)'")
CACHED = re.compile(r"Task '?([\w-]+)'? cache hit")
ENDED = re.compile(r"Task .*?'([\w-]+)'.* finished with status .*?(SUCCESS|FAILURE)")
RAISED = re.compile(r"^\s*(?:[A-Za-z_]\w*\.)*([A-Z]\w*): (.+)$")
NOISE = re.compile(r"[^\w ]|\d\d:\d\d|File |\[KFP|Looking for|Loading KFP|Got executor|null,?$")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class RunFailed(UserError):  # noqa: N818 - what happened to the run
    """A step failed; the message names it, its reason and the log."""


@dataclass
class RunResult:
    """What a local run left behind. ``steps`` holds seconds a step, in order; 0 for one taken from the cache."""

    folder: Path
    steps: dict[str, float]
    seconds: float


@dataclass
class StepLog(io.TextIOBase):
    """Takes what kfp prints: keeps it in a file and tells steps from lines."""

    file: TextIO
    tell_line: Callable[[str, str], None]
    steps: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    failed: str = ""
    step: str = ""
    started: float = 0.0
    buffer: str = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.file.write(text)
        self.file.flush()
        self.buffer += text
        *whole, self.buffer = self.buffer.split("\n")
        for line in whole:
            self._line(COLOUR.sub("", line).rstrip())
        return len(text)

    def _line(self, line: str) -> None:
        if found := CACHED.search(line):
            self.steps[found[1]] = 0.0
        elif found := STARTED.search(line):
            self.step, self.started = found[1], time.monotonic()
            if not self.failed:  # kfp goes on with steps that do not depend on a failed one
                self.lines = []
            self.tell_line(self.step, "")
        elif found := ENDED.search(line):
            self.steps[found[1]] = time.monotonic() - self.started
            if found[2] == "FAILURE":
                self.failed = self.failed or found[1]
        elif line.strip():
            if not self.failed:
                self.lines.append(line.strip())
            if not NOISE.match(line.strip()):
                self.tell_line(self.step, line.strip())

    def reason(self) -> str:
        """The last exception of the first step that failed, as its own sentence."""
        for line in reversed(self.lines):
            if found := RAISED.match(line):
                return found[2]
        return self.lines[-1] if self.lines else "no output"


def window_arguments(
    task: Task, workspace: Workspace, window_end: datetime, months: int, snapshot: str
) -> dict[str, Any]:
    """What every graph is told of the window and of where things are kept."""
    return {
        "corpus": str(workspace.corpus(task.corpus)),
        "window_end": window_end.isoformat(),
        "feature_registry": workspace.feature_registry,
        "months": months,
        "seed": task.seed,
        "snapshot": snapshot,
        "checkpoints": str(workspace.checkpoints),
    }


def run_locally(
    pipeline: Callable[..., Any],
    arguments: dict[str, Any],
    task: str,
    workspace: Workspace,
    run_name: str,
    cached: bool = True,
    tell: Callable[[str, str], None] = lambda _step, _line: None,
) -> RunResult:
    """Run a task's pipeline. Steps whose code, settings and inputs did not change come from the cache.

    Raises:
        RunFailed: a step failed.
    """
    from kfp import local

    folder = workspace.runs / run_name
    folder.mkdir(parents=True)
    workspace.cache.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    state = RunState(folder / "state.json", task)

    def tell_and_note(step: str, line: str) -> None:
        state.note("running", step)
        tell(step, line)

    with (folder / "log.txt").open("w") as file, _captured(StepLog(file, tell_and_note)) as log, _no_orphans():
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=str(folder),
            raise_on_error=True,
            enable_caching=cached,
            cache_root=str(workspace.cache),
        )
        try:
            pipeline(**arguments)
        except RuntimeError as error:
            state.note("failed", log.failed or log.step, log.reason())
            raise RunFailed(
                f"the step {log.failed or log.step} failed: {log.reason()} (the whole log: {folder / 'log.txt'})"
            ) from error
        except KeyboardInterrupt:
            state.note("stopped", log.step)
            raise
    state.note("finished", log.step)
    return RunResult(folder, log.steps, time.monotonic() - started)


@contextlib.contextmanager
def _no_orphans() -> Iterator[None]:
    """End what a step started when the run ends early."""
    try:
        with termination_as_interrupt():
            yield
    finally:
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGINT)  # a step that serves stops its server
        _, alive = psutil.wait_procs(left, timeout=20)
        for process in alive:
            process.kill()


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
