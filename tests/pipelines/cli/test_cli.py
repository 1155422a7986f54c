"""The command line as a user types it: help that reads, and mistakes that are one sentence."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CPFD = str(Path(sys.executable).with_name("cpfd"))


def cpfd(*arguments: str, workspace: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(workspace), "CPFD_WORKSPACE": str(workspace), "COLUMNS": "200"}
    return subprocess.run([CPFD, *arguments], capture_output=True, text=True, env=environment, timeout=120)


def test_help_names_every_command(tmp_path):
    done = cpfd("--help", workspace=tmp_path)
    assert done.returncode == 0
    for command in (
        "demo",
        "corpus",
        "tasks",
        "run",
        "compile",
        "status",
        "review",
        "approve",
        "rollback",
        "ledger",
        "serve",
    ):
        assert re.search(rf"\b{command}\b", done.stdout)


def test_tasks_and_status_before_anything_ran(tmp_path):
    assert "harmful_content" in cpfd("tasks", workspace=tmp_path).stdout
    assert "Nothing has run here yet" in cpfd("status", workspace=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nobody"], "there is no task nobody"),
        (["run", "topic"], "there is no corpus at"),
        (["run", "topic", "--end", "yesterday"], "Invalid value for '--end'"),
        (["run", "topic", "--months", "0"], "Invalid value for '--months'"),
        (["tune", "nobody"], "there is no task nobody"),
        (["tune", "topic"], "there is no corpus at"),
        (["tune", "topic", "--trials", "0"], "Invalid value for '--trials'"),
        (["tune", "topic", "--output", "Topic.yaml"], "a task cannot be named Topic: name another file with --output"),
        (["approve", "topic", "1", "--reason", "x"], "topic has no version: run 'cpfd run topic'"),
        (["approve", "topic", "1"], "Missing option '--reason'"),
        (["rollback", "topic", "--reason", "x"], "topic has no version: run 'cpfd run topic'"),
        (["ledger", "at", "yesterday"], "yesterday is no day and no time: write it as 2026-11-01"),
        (["serve"], "no task has a champion"),
        (["classify", "topic", "--video", "none.mp4"], "there is no video at none.mp4"),
        (["classify", "topic"], "there is nothing to ask about: give --video, --title or --overlay-text"),
        (["classify", "topic", "--title", "x"], "no server is running here"),
        (["corpus", "import", "none.yaml"], "there is no import mapping at none.yaml"),
        (["corpus", "simulate", "--videos", "3"], "Invalid value for '--videos'"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_status(tmp_path, arguments, sentence):
    done = cpfd(*arguments, workspace=tmp_path)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_compile_writes_the_pipeline(tmp_path):
    done = cpfd("compile", "topic", "-o", str(tmp_path / "topic.yaml"), workspace=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "topic.yaml").read_text().startswith("# PIPELINE DEFINITION")


def test_a_corpus_that_is_there_is_kept_unless_replaced(tmp_path):
    assert cpfd("corpus", "simulate", "--videos", "60", "--days", "10", workspace=tmp_path).returncode == 0
    again = cpfd("corpus", "simulate", "--videos", "60", workspace=tmp_path)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert (tmp_path / "corpora" / "simulated" / "corpus.json").is_file()
