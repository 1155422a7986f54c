"""Runs a command as long as whoever started it lives: ``python -m serving.supervisor COMMAND ...``.

The starter holds the other end of standard input. When it closes, because the starter is done or was killed, the
command is ended with every process of its group: a JVM and its workers would outlive both.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

RECORD = "process-group.json"
PATIENCE = 15  # seconds to end in good order: the JVM takes up to five
KILLED = 5  # seconds: nothing refuses SIGKILL, but the system may still have to end its reading or writing of a disk
CHECK = 0.1  # seconds between two looks at whether a group is gone


def main(command: list[str]) -> int:
    """Run the command in a group of its own, until it ends or standard input does. Returns its exit status."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: None)  # the starter decides, by closing its end; unlike SIG_IGN not inherited
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
    started = psutil.Process(process.pid).create_time()
    Path(RECORD).write_text(json.dumps({"group": process.pid, "started": started}))
    while process.poll() is None:
        readable, _, _ = select.select([sys.stdin], [], [], CHECK)
        if readable and not os.read(sys.stdin.fileno(), 1):
            break
    end_group(process.pid)
    return process.wait()


def end_group(group: int) -> None:
    """End every process of a group: asked to by SIGTERM, then killed."""
    for sent, patience in ((signal.SIGTERM, PATIENCE), (signal.SIGKILL, KILLED)):
        deadline = time.monotonic() + patience
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, sent)
        while _alive(group):
            if time.monotonic() > deadline:
                break
            time.sleep(CHECK)
        else:
            return


def _alive(group: int) -> bool:
    """Whether a group has a process that is more than an entry nobody has collected yet."""
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def end_left_over(folder: Path) -> bool:
    """End what a supervisor that was killed itself left running in ``folder``. Returns whether there was something.

    A group's number may belong to others by now: its leader must have started when the record says. A group whose
    leader is gone keeps its number as long as it has a member, so its members are those that were recorded.
    """
    try:
        record = json.loads((folder / RECORD).read_text())
        group, started = int(record["group"]), float(record["started"])
    except (OSError, ValueError, KeyError):
        return False
    try:
        if abs(psutil.Process(group).create_time() - started) > 1:  # second: clocks are coarse
            return False
    except psutil.NoSuchProcess:
        pass
    if not _alive(group):
        return False
    end_group(group)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
