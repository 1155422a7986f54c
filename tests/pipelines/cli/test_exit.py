"""How the command line ends: a mistake is a sentence, a fault of the program leaves a crash file."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import BusyError, UserError
from pipelines.cli import exit

ROOT = Path(__file__).resolve().parents[3]


def test_a_mistake_is_its_sentence_and_a_held_place_has_a_status_of_its_own(capsys):
    assert exit.mistake(UserError("there is no [corpus] at x")) == 1
    assert exit.mistake(BusyError("another run is here")) == 4
    assert capsys.readouterr().err == "Error: there is no [corpus] at x\nError: another run is here\n"


@pytest.mark.parametrize("raised", ["ValueError('a bug')", "OSError(5, 'a bug')", "KeyError('a bug')"])
def test_a_fault_of_the_program_keeps_its_traceback_in_a_file(tmp_path, raised):
    script = f"""
import sys
from pipelines.cli import main as cli, status
def broken(*_, **__):
    raise {raised}
import pipelines.local.status
pipelines.local.status.task_status = broken
sys.argv = ["cpfd", "status", "--workspace", {str(tmp_path)!r}]
cli.main()
"""
    environment = {"PATH": "/usr/bin:/bin", "CPFD_WORKSPACE": str(tmp_path / "another"), "COLUMNS": "300"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "this is a fault of cpfd" in done.stderr
    (file,) = tmp_path.glob("crash-*.txt")
    assert str(file) in done.stderr
    text = file.read_text()
    assert "Traceback" in text
    assert "a bug" in text
    assert "cpfd status --workspace" in text


def test_where_nothing_can_be_written_the_file_lies_with_temporary_files(tmp_path, capsys, monkeypatch):
    (tmp_path / "taken").write_text("a file, no folder")
    monkeypatch.setattr(exit.tempfile, "gettempdir", lambda: str(tmp_path))
    assert exit.fault(RuntimeError("a bug"), ["run"], tmp_path / "taken") == 1
    assert len(list(tmp_path.glob("crash-*.txt"))) == 1
    assert "RuntimeError: a bug" in capsys.readouterr().err
