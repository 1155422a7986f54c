"""Runs that were killed: their steps are ended, and their states say so, with the time until then."""

import json
import subprocess
import sys
import time

import psutil
import pytest

from pipelines.local.left_over import last_seen, settle_killed_runs
from pipelines.local.run_state import STATE_FILE, RunState

STEP = "import time; time.sleep(60)"


@pytest.fixture
def step():
    """Start a process as kfp starts a step: its arguments name places in the run's folder."""
    started = []

    def start(folder) -> subprocess.Popen:
        executor = json.dumps({"outputs": {"executorOutput": f"{folder}/cpfd-topic/train/executor_output.json"}})
        started.append(subprocess.Popen([sys.executable, "-c", STEP, "--executor_input", executor]))
        return started[-1]

    yield start
    for process in started:
        process.kill()


def a_run(folder, pid=None):
    folder.mkdir(parents=True)
    RunState(folder, "topic", 1_000.0).note("running", "train")
    (folder / "log.txt").write_text("epoch 1")
    if pid is not None:
        state = json.loads((folder / STATE_FILE).read_text())
        (folder / STATE_FILE).write_text(json.dumps({**state, "pid": pid, "pid_started": 1.0, "seconds": 2.0}))


def test_what_a_killed_run_left_going_is_ended_and_its_state_says_stopped(tmp_path, step):
    a_run(tmp_path / "killed", pid=2**22 + 1)
    a_run(tmp_path / "killed-2")  # this process runs it, and its name begins alike
    left, other = step(tmp_path / "killed"), step(tmp_path / "killed-2")
    settle_killed_runs(tmp_path)
    assert not psutil.pid_exists(left.pid)
    assert other.poll() is None
    states = {name: json.loads((tmp_path / name / STATE_FILE).read_text()) for name in ("killed", "killed-2")}
    assert {name: state["status"] for name, state in states.items()} == {"killed": "stopped", "killed-2": "running"}


def test_a_killed_run_lasted_until_it_last_wrote(tmp_path):
    a_run(tmp_path / "killed", pid=2**22 + 1)
    wrote = last_seen(tmp_path / "killed").timestamp()
    assert abs(wrote - time.time()) < 60
    settle_killed_runs(tmp_path)
    assert json.loads((tmp_path / "killed" / STATE_FILE).read_text())["seconds"] == pytest.approx(wrote - 1_000.0)
    assert last_seen(tmp_path / "nothing") is None
