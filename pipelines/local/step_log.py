"""What kfp's local runner prints, kept in a file and read as steps that start, say something and end."""

import io
import re
import time
from dataclasses import dataclass, field
from typing import TextIO

from common.source import ROOMS

STARTED = re.compile(r"Executing task .*?'([\w-]+)'")
CACHED = re.compile(r"Task '?([\w-]+)'? cache hit")
ENDED = re.compile(r"Task .*?'([\w-]+)'.* finished with status .*?(SUCCESS|FAILURE)")
RAISED = re.compile(r"^\s*((?:[A-Za-z_]\w*\.)*)([A-Z]\w*): (.+)$")
NOISE = re.compile(r"[^\w ]|\d\d:\d\d|File |\[KFP|Looking for|Loading KFP|Got executor|null,?$")
WARNING = "Warning: "  # how a line begins that a step prints for the user
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Progress:
    """Hears how a run goes on; this one keeps it to itself."""

    def started(self, step: str, number: int) -> None:
        """A step begins, the ``number``-th of the run."""

    def said(self, step: str, line: str) -> None:
        """A step printed a line."""

    def warned(self, sentence: str) -> None:
        """A step printed a warning, which the user should see at once."""

    def ended(self, step: str, number: int, seconds: float | None) -> None:
        """A step is done, after so many seconds; None if its outputs came from the cache."""


@dataclass
class StepLog(io.TextIOBase):
    """Takes what kfp prints: keeps it in a file and reads steps from lines.

    ``steps`` holds seconds a step, in order; None for one from the cache. ``warnings`` are sentences for the user.
    """

    file: TextIO
    progress: Progress
    steps: dict[str, float | None] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    failed: str = ""
    step: str = ""
    begun: float = 0.0
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
            self.steps[found[1]] = None
            self.progress.ended(found[1], len(self.steps), None)
        elif found := STARTED.search(line):
            self.step, self.begun = found[1], time.monotonic()
            if not self.failed:  # kfp goes on with steps that do not depend on a failed one
                self.lines = []
            self.progress.started(self.step, len(self.steps) + 1)
        elif found := ENDED.search(line):
            self.steps[found[1]] = time.monotonic() - self.begun
            if found[2] == "FAILURE":
                self.failed = self.failed or found[1]
            else:
                self.progress.ended(found[1], len(self.steps), self.steps[found[1]])
        elif line.strip():
            if not self.failed:
                self.lines.append(line.strip())
            if line.strip().startswith(WARNING):
                self._warned(line.strip().removeprefix(WARNING))
            elif not NOISE.match(line.strip()):
                self.progress.said(self.step, line.strip())

    def _warned(self, sentence: str) -> None:
        if sentence not in self.warnings:  # each training says the same of its network
            self.warnings.append(sentence)
            self.progress.warned(sentence)

    def reason(self) -> tuple[str, bool]:
        """Why the first step that failed did so, and whether it is a user's mistake: an error of our own.

        Any other exception is a fault of the program, and is given with its class.
        """
        for line in reversed(self.lines):
            if found := RAISED.match(line):
                own = found[1].partition(".")[0] in ROOMS
                return (found[3], True) if own else (f"{found[2]}: {found[3]}", False)
        return (self.lines[-1] if self.lines else "no output"), False
