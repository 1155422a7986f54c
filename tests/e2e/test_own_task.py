"""A user with an installed wheel and an empty folder: the documents' mapping and task; the same again; and moved."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pandas as pd
import pytest
from source_code import ROOT

from common.source import ROOMS
from corpus.contract import LABELS, VIDEOS, read_table

pytestmark = pytest.mark.end_to_end


def shown(page: str) -> str:
    """The first YAML file that a document shows."""
    return re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)[0]


# What few videos and two epochs need beside the documents' examples.
OF_A_TEST = """
window: {evaluation_share: 0.25, tuning_share: 0.2}
validation: {faulty_share: 0.1}
gate:
  checks: {simple_peers: off, baseline: off, positives: off, ranking: off, slices: off, calibration: off}
distillation: {weak_teacher: accept}
"""


@pytest.fixture(scope="module")
def cpfd(tmp_path_factory) -> str:
    """The command line out of a wheel, in an environment that has the libraries and not this checkout."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "source").mkdir()
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    for name in (*ROOMS, "pyproject.toml", "README.md", "LICENSE"):  # a copy, as building leaves files behind
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / "source" / name)
    subprocess.run([*pip, "wheel", str(folder / "source"), "--no-deps", "--wheel-dir", str(folder)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    (wheel,) = folder.glob("cpfd-*.whl")
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")  # its own .pth files are not read
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True)
    found = subprocess.run(
        [str(python), "-c", "import pipelines; print(pipelines.__file__)"], capture_output=True, text=True, cwd=folder
    )
    assert found.stdout.startswith(str(site)), found
    return str(folder / "venv" / "bin" / "cpfd")


@pytest.fixture(scope="module")
def place(tmp_path_factory, corpus: Path) -> Path:
    """An empty folder but for the user's own tables, media and task file."""
    folder = tmp_path_factory.mktemp("place")
    videos = read_table(corpus / "videos", VIDEOS).to_pandas().drop_duplicates("video_id")
    labels = read_table(corpus / "labels", LABELS).to_pandas().query("task == 'low_quality'")
    items = videos.merge(labels[["video_id", "label", "labeled_at"]], on="video_id", how="left")
    items["media_uri"] = items.media_uri.str.removeprefix("media/")
    names = {"video_id": "id", "media_uri": "file", "overlay_text": "shown", "group_id": "creator"}
    names |= {"published_at": "published", "label": "verdict", "labeled_at": "decided"}
    items.rename(columns=names).to_csv(folder / "items.csv", index=False)
    scores = pd.concat(map(pd.read_parquet, sorted((corpus / "dense" / "upstream_scores").glob("*.parquet"))))
    scores = scores.drop(columns="topic_scores")
    scores.rename(columns={"video_id": "id", "event_timestamp": "seen", "created_timestamp": "stored"}).to_csv(
        folder / "scores.csv", index=False
    )
    shutil.copytree(corpus / "media", folder / "media")
    (folder / "items.yaml").write_text(shown("corpora.md"))
    (folder / "spam.yaml").write_text(shown("tasks.md") + OF_A_TEST)
    return folder


def ask(cpfd: str, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A user's command, with nothing of this session in its environment."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(place), "COLUMNS": "200"}
    return subprocess.run([cpfd, *arguments], capture_output=True, text=True, cwd=place, env=environment, timeout=600)


@pytest.fixture(scope="module")
def first(cpfd, place) -> dict:
    imported = ask(cpfd, place, "corpus", "import", "items.yaml")
    assert imported.returncode == 0, imported.stderr
    shown = ask(cpfd, place, "corpus", "show", "items")
    assert "my_scores" in shown.stdout
    assert "quality" in shown.stdout
    done = ask(cpfd, place, "run", "spam.yaml", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_own_task_over_an_own_table_runs_to_a_version(first, place):
    assert first["task"] == "spam"
    assert first["passed"]
    assert first["version"] == "1"
    assert set(first["metrics"]) == {"baseline", "student", "teacher"}
    assert Path(first["report"]).is_file()
    assert list((place / ".cpfd" / "runs").glob("*/cpfd-*/train-teacher/teacher/fold-0/model.safetensors"))
    assert not [room for room in ROOMS if (place / room).exists()]


def test_a_second_run_trains_nothing_and_registers_nothing_twice(first, cpfd, place):
    done = ask(cpfd, place, "run", "spam.yaml", "--json")
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    repeated = {step for step, taken in again["steps"].items() if taken is not None}
    assert repeated <= {"find-champion", "gate", "register", "nominate"}
    assert again["version"] == first["version"]
    assert again["metrics"] == first["metrics"]
    status = json.loads(ask(cpfd, place, "status", "spam", "--json").stdout)
    assert status[0]["challenger"] == "1"
    assert len(status[0]["runs"]) == 2


def test_a_moved_workspace_says_so_and_can_be_adopted(first, cpfd, place):
    shutil.copytree(place / ".cpfd", place / "moved", symlinks=True)
    hidden = place / ".hidden"
    (place / ".cpfd").rename(hidden)
    try:
        refused = ask(cpfd, place, "status", "--workspace", "moved")
        assert refused.returncode == 1
        assert "was moved or copied from" in refused.stderr
        assert "cpfd adopt --workspace" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert ask(cpfd, place, "adopt", "--workspace", "moved").returncode == 0
        approved = ask(cpfd, place, "approve", "spam", "1", "--reason", "a first version", "--workspace", "moved")
        assert approved.returncode == 0, approved.stderr
        served = subprocess.Popen(
            [cpfd, "serve", "--workspace", "moved", "--port", "0", "--management-port", "0", "--metrics-port", "0"],
            cwd=place, env={"PATH": "/usr/bin:/bin", "HOME": str(place)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert "spam version 1 answers at" in served.stdout.readline()
            video = next((place / "media").glob("*8.mp4"))
            asked = ask(cpfd, place, "classify", "spam", "--video", str(video), "--workspace", "moved")
            assert "spam version 1:" in asked.stdout, asked.stderr
        finally:
            served.terminate()
            served.wait(60)
    finally:
        hidden.rename(place / ".cpfd")
