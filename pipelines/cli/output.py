"""Where the command line writes: results to stdout, progress and errors to stderr."""

import time
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from pipelines.local.step_log import Progress

out = Console(highlight=False, soft_wrap=True, markup=False)  # results hold names of files and features
err = Console(stderr=True, highlight=False, soft_wrap=True)


class StepProgress(Progress):
    """The steps of a run: one line that changes in a terminal, a line a step elsewhere."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.began = time.monotonic()
        self.status: Status | None = None
        self.at = ""

    def __enter__(self) -> "StepProgress":
        if err.is_terminal:
            self.status = err.status("preparing")
            self.status.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self.status is not None:
            self.status.stop()

    def started(self, step: str, number: int) -> None:
        self.at = f"step {number}/{self.steps} {step}"
        if self.status is None:
            self._line(f"{self.at} …")
        else:
            self.status.update(f"{self.at}  {self._elapsed()}")

    def said(self, step: str, line: str) -> None:  # noqa: ARG002 - the step is on the line already
        if self.status is not None:
            room = max(20, err.width - len(self.at) - 20)  # columns; the line must not wrap
            self.status.update(f"{self.at}  {self._elapsed()}  [dim]{line[:room].replace('[', '(')}[/dim]")

    def ended(self, step: str, number: int, seconds: float | None) -> None:
        if self.status is None and seconds is None:
            self._line(f"step {number}/{self.steps} {step}: from the cache")

    def _line(self, line: str) -> None:
        err.print(Text(f"{self._elapsed()}  {line}"))

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        return f"{minutes}:{seconds:02d}"
