"""Where the command line writes: results to stdout, progress and errors to stderr."""

import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from pipelines.local.step_log import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PIPED = 240  # columns of a table that a program or a file takes: enough that no cell of ours is cut
# Results hold names of files and features: nothing in them is markup, or a code for an emoji.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


class StepProgress(Progress):
    """The steps of a run: one line that changes in a terminal, a line a step elsewhere."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.began = time.monotonic()
        self.bar: Bar | None = None
        self.at = ""

    def __enter__(self) -> "StepProgress":
        if err.is_terminal:
            from rich.progress import Progress as Bar
            from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

            text = TextColumn("{task.description}", markup=False)
            self.bar = Bar(SpinnerColumn(), TimeElapsedColumn(), text, console=err, transient=True)
            self.bar.add_task("preparing", total=None)
            self.bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self.bar is not None:
            self.bar.stop()

    def started(self, step: str, number: int) -> None:
        self.at = f"step {number}/{self.steps} {step}"
        if self.bar is None:
            self._line(f"{self.at} …")
        else:
            self.bar.update(self.bar.task_ids[0], description=self.at)

    def said(self, step: str, line: str) -> None:  # noqa: ARG002 - the step is on the line already
        if self.bar is not None:
            room = max(20, err.width - len(self.at) - 20)  # columns that spinner and clock leave: it must not wrap
            self.bar.update(self.bar.task_ids[0], description=f"{self.at}  {line[:room]}")

    def warned(self, sentence: str) -> None:
        err.print(Text.assemble(("Warning: ", "yellow"), sentence))

    def ended(self, step: str, number: int, seconds: float | None) -> None:
        if self.bar is None and seconds is None:
            self._line(f"step {number}/{self.steps} {step}: from the cache")

    def _line(self, line: str) -> None:
        err.print(Text(f"{self._elapsed()}  {line}"))

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        return f"{minutes}:{seconds:02d}"


class TrialProgress(StepProgress):
    """The steps of a tuning, and each of its trials as a line that stays."""

    def said(self, step: str, line: str) -> None:
        if step == "tune" and line.startswith("trial "):
            self._line(line)
        else:
            super().said(step, line)
