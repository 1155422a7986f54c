"""Several tasks, or several windows, in one command: who is run, who is not, and what is told of them."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest
from processes import CPFD, LONGEST

from pipelines.local.run_state import run_states
from promotion.ledger.claims import read_claims

pytestmark = pytest.mark.end_to_end
# Texts alone, in the smallest networks: what is tested is who runs and who is told of.
TEXTS = """
task: {name}
description: A test's
labels: {labels}
classes: [good_quality, low_quality]
features: [reports]
modalities: [title, overlay_text]
profile: tiny
corpus: {corpus}
window: {{evaluation_share: 0.25, tuning_share: 0.2}}
training: {{epochs: 1}}
gate:
  checks: {{simple_peers: off, baseline: off, positives: off, ranking: off, slices: off, calibration: off}}
distillation: {{weak_teacher: accept}}
"""
BUILT_IN = "low_quality harmful_content topic"  # which name the simulated corpus, that this workspace has not


@pytest.fixture(scope="module")
def place(tmp_path_factory, corpus):
    tmp_path = tmp_path_factory.mktemp("many")
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "small").symlink_to(corpus)
    (tmp_path / "tasks").mkdir()
    for name, labels in {"one": "low_quality", "without_labels": "nobody"}.items():
        (tmp_path / "tasks" / f"{name}.yaml").write_text(TEXTS.format(name=name, labels=labels, corpus="small"))
    (tmp_path / "tasks" / "unread.yaml").write_text("task: unread\nno_such_key: 1\n")
    (tmp_path / "tasks" / "elsewhere.yaml").write_text(
        TEXTS.format(name="elsewhere", labels="low_quality", corpus="gone")
    )
    return tmp_path


def running(place) -> list[dict]:
    return [each for each in run_states(place / "runs") if each["status"] == "running" and each["step"]]


def wait_for(come: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONGEST
    while not come():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def command(place, *more: str) -> list[str]:
    return [CPFD, "run", "--all", "--parallel", "2", "--end", "2026-07-01", "--workspace", str(place), *more]


def test_each_task_is_run_and_told_of(place):
    done = subprocess.run(command(place, "--json"), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1, done.stderr
    told = {each["task"]: each for each in json.loads(done.stdout)}
    assert list(told) == ["one", "unread", "without_labels"]
    assert (told["one"]["verdict"], told["one"]["version"]) == ("passed", "1")
    assert "the corpus small has no labels nobody" in told["without_labels"]["error"]
    assert "no_such_key: unknown key" in told["unread"]["error"]
    (left_out,) = [line for line in done.stderr.splitlines() if line.startswith("Left out")]
    assert "elsewhere" in left_out
    assert all(name in left_out for name in BUILT_IN.split())
    assert "one: " in done.stderr
    assert "3/3" in done.stderr


def test_an_interruption_ends_all_of_them_and_their_steps(place):
    (place / "tasks" / "other.yaml").write_text(TEXTS.format(name="other", labels="low_quality", corpus="small"))
    with subprocess.Popen(command(place), stderr=subprocess.PIPE, text=True) as going:
        wait_for(lambda: len(running(place)) == 2)
        going.send_signal(signal.SIGTERM)
        going.communicate(timeout=LONGEST)
    ended = {each["task"]: each["status"] for each in reversed(list(run_states(place / "runs")))}
    assert ended == {"one": "stopped", "other": "stopped"}
    left = [each for each in psutil.process_iter(["cmdline"]) if str(place) in " ".join(each.info["cmdline"] or ())]
    assert [each.pid for each in left if each.pid != os.getpid()] == []


def test_a_window_that_nobody_trained_is_trained_once_also_after_a_kill(place):
    """The window of the first test's run, whose steps come from the cache."""
    asked = [CPFD, "backfill", "one", "--from", "2026-07-01", "--to", "2026-07-03", "--every", "week", "--here"]
    asked += ["--workspace", str(place)]
    ledger_uri = f"sqlite:///{place}/ledger.db"
    with subprocess.Popen(asked, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as killed:
        wait_for(lambda: running(place))
        killed.kill()
    assert [each.state for each in read_claims(ledger_uri, "one").values()] == ["held"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "one: 1 of 1 windows trained now, none is missing" in done.stdout
    ((end, claim),) = read_claims(ledger_uri, "one").items()
    assert (f"{end:%m-%d}", claim.state, claim.attempts) == ("07-01", "done", 2)
    again = subprocess.run(asked, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert "one: 0 of 1 windows trained now" in again.stdout
