"""TorchServe ends with whoever started it, however that ends; what is left all the same is ended by the next start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from models.training.new_networks import new_classifier, save_network
from serving.archive import build_archive
from serving.configuration import ServerSettings
from serving.server import running
from serving.supervisor import RECORD, end_left_over

ROOT = Path(__file__).resolve().parents[2]
SERVE = """
import sys, time
from pathlib import Path
from serving.configuration import ServerSettings
from serving.server import running
with running([Path(sys.argv[1])], Path(sys.argv[2]), ServerSettings.any_port()):
    print("serving", flush=True)
    time.sleep(120)
"""


@pytest.fixture(scope="module")
def archive(run_data, recipe, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    save_network(new_classifier(run_data, recipe, 0), run_data.tokenizer, [], folder / "student")
    return build_archive(folder / "student", "low_quality", "1", 0.5, folder / "archive")


def serve(archive: Path, folder: Path) -> tuple[subprocess.Popen, list[psutil.Process]]:
    """A process that serves, started with SIGINT ignored as by nohup, and all that it started."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(archive), str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert process.stdout.readline() == "serving\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("java" in child.name() for child in children)
    assert len(children) >= 4  # supervisor, TorchServe's wrapper, the JVM, a worker
    return process, children


@pytest.mark.end_to_end
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
def test_nothing_is_left_of_a_server_whose_starter_is_gone(archive, tmp_path, sent):
    process, children = serve(archive, tmp_path / "serving")
    process.send_signal(sent)
    process.wait(40)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


@pytest.mark.end_to_end
def test_what_a_killed_supervisor_left_is_ended_by_the_next_start(archive, tmp_path):
    process, children = serve(archive, tmp_path / "serving")
    (supervisor,) = [child for child in children if "serving.supervisor" in child.cmdline()]
    supervisor.kill()
    process.kill()
    process.wait(10)
    left = [child for child in children if child.pid != supervisor.pid]
    time.sleep(2)
    assert all(child.is_running() for child in left)
    with running([archive], tmp_path / "serving", ServerSettings.any_port()) as server:
        assert server.tasks == ("low_quality",)
        _, alive = psutil.wait_procs(left, timeout=10)
        assert alive == []


def test_a_process_that_only_has_the_number_of_a_left_over_is_not_touched(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        (tmp_path / RECORD).write_text(f'{{"group": {process.pid}, "started": 1000.0}}')
        assert not end_left_over(tmp_path)
        assert process.poll() is None
        started = psutil.Process(process.pid).create_time()
        (tmp_path / RECORD).write_text(f'{{"group": {process.pid}, "started": {started}}}')
        assert end_left_over(tmp_path)
        assert process.wait(5) == -signal.SIGTERM
    finally:
        process.kill()


@pytest.mark.parametrize("record", ["", "{}", '{"group": 4194304, "started": 1}', '{"group": "x", "started": 1}'])
def test_a_record_that_says_nothing_ends_nothing(tmp_path, record):
    (tmp_path / RECORD).write_text(record)
    assert not end_left_over(tmp_path)
    assert not end_left_over(tmp_path / "nowhere")


def test_a_command_that_ends_by_itself_gives_its_status(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "serving.supervisor", "sh", "-c", "exit 7"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdin=subprocess.PIPE) as process:
        assert process.wait(30) == 7  # its standard input is open until then
