"""Files and folders are there whole or not at all, and a place is one writer's."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import BusyError
from common.files import locked, remove, whole

ROOT = Path(__file__).resolve().parents[2]


def test_a_file_takes_the_place_of_the_former_one_only_when_it_is_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("former")
    with pytest.raises(RuntimeError), whole(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "former"
    with whole(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "former"
    assert target.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_takes_the_place_of_the_former_one_with_all_that_is_in_it(tmp_path):
    target = tmp_path / "a"
    for content in ("former", "new"):
        with whole(target) as partial:
            partial.mkdir()
            (partial / content).write_text(content)
    assert [each.name for each in target.iterdir()] == ["new"]
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_what_a_killed_writer_left_is_gone_after_the_next(tmp_path):
    killed = "import os; from pathlib import Path; from common.files import whole\n"
    killed += f"with whole(Path({str(tmp_path / 'a.txt')!r})) as partial:\n    partial.write_text('half'); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", killed], cwd=ROOT, check=False).returncode == 9
    assert len(list(tmp_path.rglob("a.txt"))) == 1
    assert not [each for each in tmp_path.glob("*.txt") if each.is_file()]  # it passes for no text that is there
    with whole(tmp_path / "a.txt") as partial:
        partial.write_text("new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_is_removed_and_not_what_it_points_to(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    remove(tmp_path / "link")
    assert [each.name for each in tmp_path.iterdir()] == ["real"]


def test_a_held_place_is_busy_for_another_process_and_free_when_that_one_is_killed(tmp_path):
    held = "import sys, time; from pathlib import Path; from common.files import locked\n"
    held += f"with locked(Path({str(tmp_path / 'lock')!r})):\n    print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", held], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match="wait for it"), locked(tmp_path / "lock", "wait for it"):
        pass
    process.kill()
    process.wait()
    with locked(tmp_path / "lock", "wait for it"):
        pass
