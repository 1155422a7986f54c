"""One model's story, by the commands of those who live it: run, reject, run again, approve by another person, serve, go
back, verify. Between any two steps a process is killed, and the next command finds all as the ledger says."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import CPFD, new_database

from pipelines.workspace import Workspace
from promotion.gate.checks import CHECKS

pytestmark = pytest.mark.end_to_end

TASK = """
task: story
description: The small corpus by its texts alone, and a gate that lets every student pass
labels: low_quality
profile: tiny
seed: {seed}
classes: [good_quality, low_quality]
modalities: [title, overlay_text]
features: [engagement]
network: {{text_heads: 2, wide: {{buckets: 1024}}}}
window: {{evaluation_share: 0.25, tuning_share: 0.2}}
validation: {{faulty_share: 0.1}}
distillation: {{weak_teacher: accept}}
gate: {{approver: another, checks: {{{off}}}}}
"""
# The command line in a process that is killed as it is about to write what the first argument names to MLflow.
DYING = """
import os, signal, sys
from mlflow import MlflowClient

at = sys.argv.pop(1)

def dying(call):
    def calling(*given, **named):
        if at in (call.__name__, *map(str, given)):
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **named)
    return calling

for name in ("set_model_version_tag", "set_registered_model_alias", "delete_registered_model_alias"):
    setattr(MlflowClient, name, dying(getattr(MlflowClient, name)))
from pipelines.cli.main import main
main()
"""
SIGNING, NOTING, MOVING = "archive_signature", "ledger_checkpoint", "set_registered_model_alias"
STARTS_WITHIN = 180  # seconds for TorchServe, or a step of a run, on two busy cores


class Story:
    """A workspace, and the commands in it."""

    def __init__(self, workspace: Workspace, environment: dict[str, str]) -> None:
        self.workspace = workspace
        self.environment = {**os.environ, **environment, "CPFD_WORKSPACE": str(workspace.folder)}

    def ask(self, *arguments: str, fails: int = 0) -> str:
        """What a command says. Fails unless it ends as expected."""
        done = self._run([CPFD, *arguments])
        assert done.returncode == fails, done.stderr or done.stdout
        return done.stdout + done.stderr

    def die(self, at: str, *arguments: str) -> None:
        """A command that is killed before it writes to MLflow what ``at`` names."""
        done = self._run([sys.executable, "-c", DYING, at, *arguments])
        assert done.returncode == -signal.SIGKILL, done.stderr

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=600, check=False)

    def seed(self, seed: int) -> None:
        off = ", ".join(f"{name}: off" for name in CHECKS)
        (self.workspace.tasks / "story.yaml").write_text(TASK.format(seed=seed, off=off))

    @property
    def standing(self) -> tuple[str | None, str | None]:
        """The champion and the challenger, as the status has them from MLflow."""
        (row,) = json.loads(self.ask("status", "story", "--json"))
        return row["champion"], row["challenger"]

    @property
    def decided(self) -> list[dict[str, Any]]:
        return list(json.loads(self.ask("ledger", "show", "--json")))

    def killed_run(self, step: str) -> None:
        """A run that is killed, with all its processes, while it is at a step."""
        process = subprocess.Popen(
            [CPFD, "run", "story"], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        assert any(f" {step} …" in line for line in process.stderr), f"it never came to {step}"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)

    @contextmanager
    def served(self) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [CPFD, "serve", "--port", "0", "--management-port", "0", "--metrics-port", "0"], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + STARTS_WITHIN
            while not self.workspace.server_file.exists():
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.2)
            yield process
        finally:
            process.kill()
            process.wait(60)
            self.workspace.server_file.unlink(missing_ok=True)  # what a killed server leaves

    def answering(self) -> str:
        """The version that answers."""
        return self.ask("classify", "story", "--title", "you will not believe this").split(":")[0]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Workspace:
    """One for both databases: what was trained for the first comes from the cache for the second."""
    made = Workspace.at(tmp_path_factory.mktemp("story"))
    (made.folder / "corpora").mkdir()
    (made.folder / "corpora" / "simulated").symlink_to(corpus)
    made.tasks.mkdir()
    return made


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def story(request: pytest.FixtureRequest, workspace: Workspace) -> Story:
    if request.param == "SQLite":
        return Story(workspace, {})
    database = new_database(request.getfixturevalue("postgres_server"))
    return Story(workspace, {"CPFD_TRACKING_URI": database, "CPFD_LEDGER_URI": database})


def test_a_models_story_with_a_process_killed_between_any_two_steps(story):
    story.seed(1)
    story.killed_run("nominate")
    story.ask("run", "story")
    assert story.standing == (None, "1")
    assert "story version 1 (the champion is none)" in story.ask("review", "story", "--no-open")

    story.die(NOTING, "reject", "story", "1", "--by", "Ada", "--reason", "its texts are odd")
    assert story.standing == (None, "1"), "MLflow was not told yet"
    assert "the challenger of story was 1 and is none" in story.ask("ledger", "repair")
    assert story.standing == (None, None)

    story.ask("run", "story")
    assert story.standing == (None, "1")
    requester = story.decided[-1]["by"]
    refused = story.ask("approve", "story", "1", "--by", requester, "--reason", "mine", fails=1)
    assert "this task wants another person to approve" in refused

    story.die(SIGNING, "approve", "story", "1", "--by", "Bo", "--reason", "better")
    assert story.standing == (None, "1"), "what was not signed was not approved"
    story.die(MOVING, "approve", "story", "1", "--by", "Bo", "--reason", "better")
    with story.served() as server:  # serving sets right what the killed approval left
        assert story.answering() == "story version 1"
        os.kill(server.pid, signal.SIGKILL)
    assert story.standing == ("1", None)

    story.seed(2)
    story.ask("run", "story")
    assert story.standing == ("1", "2")
    approved = story.ask("approve", "story", "2", "--by", "Bo", "--reason", "better still")
    assert "is now the champion, in place of version 1" in approved
    story.die(MOVING, "rollback", "story", "--by", "Cy", "--reason", "complaints")
    with story.served():
        assert story.answering() == "story version 1"

    decided = [(each["action"], each["version"], each["by"]) for each in story.decided]
    assert [each for each in decided if each[0] not in ("judged", "requested")] == [
        ("rejected", "1", "Ada"), ("approved", "1", "Bo"), ("approved", "2", "Bo"), ("rolled back", "1", "Cy")
    ]  # fmt: skip
    assert "is whole; signatures outside vouch for the first" in story.ask("ledger", "verify")
    assert "story version 1, since" in story.ask("ledger", "at", "2126-01-01")
