"""Many tasks on this machine: each in a process of its own, a few at a time, and none stops the others."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from serving.signals import termination_as_interrupt

Heard = Callable[[str, str], None]
ERROR = "Error: "  # what the command line begins its last sentence with


@dataclass(frozen=True)
class Ended:
    """How the run of a task ended: what ``cpfd run --json`` printed, or the sentence that it failed with."""

    task: str
    status: int
    told: dict[str, Any] | None
    error: str


class Many:
    """Runs of several tasks, ``parallel`` at a time. ``heard`` is told each line of their progress."""

    def __init__(self, parallel: int, heard: Heard) -> None:
        self.parallel, self.heard = parallel, heard
        self._going: set[subprocess.Popen[str]] = set()
        self._stopped = threading.Event()

    def run(self, tasks: Sequence[str], options: Sequence[str]) -> Iterator[Ended]:
        """Run ``cpfd run TASK`` with ``options`` for each; yields as they end. An interruption ends all of them."""
        with ThreadPoolExecutor(self.parallel) as pool, termination_as_interrupt():
            try:
                for ended in as_completed([pool.submit(self._run, task, options) for task in tasks]):
                    yield ended.result()
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(self._going):
                    with suppress(ProcessLookupError):
                        process.terminate()  # it ends its own steps
                raise

    def _run(self, task: str, options: Sequence[str]) -> Ended:
        if self._stopped.is_set():
            return Ended(task, 1, None, "stopped before it began")
        command = [sys.executable, "-m", "pipelines.cli.main", "run", task, "--json", *options]
        error = ""
        # In a session of its own: a terminal's Ctrl-C reaches it once, by way of this process.
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
            self._going.add(process)
            if self._stopped.is_set():
                process.terminate()
            printed: list[str] = []
            reader = threading.Thread(target=lambda: printed.append(process.stdout.read()))  # type: ignore[union-attr]
            reader.start()
            for line in process.stderr:  # type: ignore[union-attr]
                error = line.removeprefix(ERROR).strip() if line.startswith(ERROR) else error
                self.heard(task, line.rstrip())
            reader.join()
        self._going.discard(process)
        return Ended(task, process.returncode, _told(printed[0]), error or f"it ended with {process.returncode}")


def _told(printed: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(printed))
    except ValueError:
        return None
