"""A pod that serves: the command of deploy/'s runtime with the arguments of 'cpfd render', as a process."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import yaml
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from source_code import ROOT

from pipelines.cluster.manifests import MODELS, SCRATCH, predictor
from pipelines.cluster.promoted import Version
from pipelines.cluster.settings import ServingPods
from promotion.registry import ARCHIVE_DIGEST, ARCHIVE_RUN
from promotion.review import standing
from serving.configuration import ServerSettings, free_ports
from serving.pod import READY

pytestmark = pytest.mark.end_to_end
BASE = ROOT / "deploy" / "base"


@pytest.fixture(scope="module")
def served(first, workspace, lenient, tmp_path_factory):
    """What KServe's storage would have fetched, and the version's digest."""
    version = standing(workspace.ledger_uri, lenient.task).challenger or "1"
    tags = MlflowClient(workspace.tracking_uri).get_model_version(lenient.task, version).tags
    folder = tmp_path_factory.mktemp("pod")
    os.environ["MLFLOW_TRACKING_URI"] = workspace.tracking_uri
    try:
        fetched = download_artifacts(run_id=tags[ARCHIVE_RUN], artifact_path="archive", dst_path=str(folder))
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]
    return Path(fetched), tags[ARCHIVE_DIGEST]


def start(task: str, models: Path, digest: str, scratch: Path) -> tuple[subprocess.Popen[bytes], str, str]:
    """The container as the objects describe it, with places and ports of this machine."""
    runtime = next(yaml.safe_load_all((BASE / "serving.yaml").read_text()))["spec"]["containers"][0]
    args = predictor(Version(task, "1", "s3://kept", digest), ServingPods())["model"]["args"]
    here = [each.replace(MODELS, str(models)).replace(SCRATCH, str(scratch)) for each in args]
    ports = free_ports(ServerSettings.any_port())
    where = [f"--port={ports.inference}", f"--management-port={ports.management}", f"--metrics-port={ports.metrics}"]
    command = [sys.executable, *runtime["command"][1:], *here, *where]
    with (scratch / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=scratch, stdout=output, stderr=subprocess.STDOUT,
                                   env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    return process, f"http://127.0.0.1:{ports.inference}", f"http://127.0.0.1:{ports.metrics}/metrics"


def test_a_pod_answers_as_evaluated_and_tells_what_alerts_are_made_of(served, lenient, held_out, tmp_path):
    models, digest = served
    process, answers, metrics = start(lenient.task, models, digest, tmp_path)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "server" / READY).exists():
            assert process.poll() is None, (tmp_path / "output").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        _, row, evaluated = held_out
        fields = {"title": (None, row.title), "overlay_text": (None, row.overlay_text)}
        video = ("video", Path(row.media_uri).read_bytes(), "application/octet-stream")
        reply = requests.post(f"{answers}/predictions/{lenient.task}", files={**fields, "video": video}, timeout=60)
        assert reply.status_code == 200, reply.text
        assert list(reply.json()["scores"].values()) == pytest.approx(list(evaluated), abs=1e-4)
        assert requests.get(f"{answers}/ping", timeout=10).json()["status"] == "Healthy"
        told = requests.get(metrics, timeout=10).text
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    printed = (tmp_path / "output").read_text()
    assert f"POST /predictions/{lenient.task}" in printed  # what 'kubectl logs' shows
    assert not list(tmp_path.rglob("*.log"))  # nothing fills the volume
    alerts = (BASE / "alerts.yaml").read_text()
    measured = set(re.findall(r"\b(ts_\w+|Requests\w+)\{", alerts))
    assert measured
    assert measured <= set(re.findall(r"^# TYPE (\w+) counter$", told, re.M))


def test_a_pod_refuses_another_archive_than_the_approved_one(served, lenient, tmp_path):
    models, _ = served
    process, *_ = start(lenient.task, models, "0" * 64, tmp_path)
    assert process.wait(120) == 1
    assert f"{lenient.task}.mar is not the archive that was registered" in (tmp_path / "output").read_text()
    assert not (tmp_path / "server").exists()
