"""The main job on a small corpus: the real pipeline, the real registry, a real TorchServe, and its real answers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
import requests
from mlflow import MlflowClient

from common.source import code_version
from corpus.contract import snapshot_id
from pipelines.graphs.retrain import retrain_pipeline
from pipelines.local.runner import RunFailed, RunResult, run_locally, window_arguments
from pipelines.local.runs import Outcome, find_outcome
from pipelines.local.workspace import Workspace
from promotion.policy import GateSettings
from promotion.registry import by_alias, prepare
from serving.client import RequestRefused, classify, renew_token
from serving.server import Server

pytestmark = pytest.mark.end_to_end
CPFD = str(Path(sys.executable).with_name("cpfd"))
END = pd.Timestamp("2026-07-01", tz="UTC").to_pydatetime()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, corpus) -> Workspace:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "corpora").mkdir()
    (folder / "corpora" / "simulated").symlink_to(corpus)
    return Workspace.at(folder)


@pytest.fixture(scope="module")
def lenient(task):
    """The small task, whose gate lets every student pass: what is tested is the way, not two epochs' F1."""
    return task.model_copy(update={"gate": GateSettings(margin=-1)})


def run(workspace: Workspace, task, name: str) -> tuple[RunResult, Outcome]:
    prepare(workspace.tracking_uri, workspace.tracked_artifacts, task.task)
    snapshot = snapshot_id(workspace.corpus(task.corpus))
    arguments = window_arguments(task, workspace, END, 3, snapshot)
    arguments |= {"tracking_uri": workspace.tracking_uri, "run_name": name}
    result = run_locally(retrain_pipeline(task), arguments, task.task, workspace, name)
    return result, find_outcome(workspace, task.task, name)


@pytest.fixture(scope="module")
def first(workspace, lenient) -> tuple[RunResult, Outcome]:
    return run(workspace, lenient, "first")


def cpfd(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [CPFD, *arguments, "--workspace", str(workspace.folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_every_step_ran_and_the_student_is_challenger(first, workspace, lenient):
    result, outcome = first
    assert list(result.steps)[-3:] == ["package", "check-parity", "nominate"]
    assert outcome.verdict.passed
    client = MlflowClient(workspace.tracking_uri)
    version = by_alias(client, lenient.task, "challenger")
    for key in ("window_start", "window_end", "snapshot", "seed", "code_version", "settings"):
        assert version.tags[key]
    assert version.tags["snapshot"] == snapshot_id(workspace.corpus("simulated"))
    assert version.tags["code_version"] == code_version()
    assert json.loads(version.tags["settings"]) == json.loads(json.dumps(lenient.model_dump(mode="json")))
    assert len(version.tags["archive_sha256"]) == 64
    runs = client.search_runs(
        [outcome.run.info.experiment_id], f"tags.mlflow.parentRunId = '{outcome.run.info.run_id}'"
    )
    assert {each.data.tags["network"] for each in runs} == {"baseline", "teacher", "student"}


def test_parity_was_really_measured(first, workspace):
    result, _ = first
    (parity,) = result.folder.glob("*/check-parity/parity")
    found = json.loads(parity.read_text())
    assert found["videos"] >= 10
    assert found["largest_difference"] < 1e-4


def test_faults_were_set_aside_and_the_run_went_on(first):
    result, _ = first
    (path,) = result.folder.glob("*/validate-data/set_aside")
    reasons = set(pq.read_table(path)["reason"].to_pandas().str.split(":").str[0])
    assert {"unreadable media", "duplicate media"} <= reasons


def test_the_report_holds_the_evidence_and_says_simulated(first):
    _, outcome = first
    page = outcome.report.read_text()
    for words in ("Simulated data", "Passed", "ROC", "Trust in the teacher", "code version", "<svg"):
        assert words in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_no_artifact_of_the_run_can_run_code(first, workspace):
    seen = [path.name for path in workspace.folder.rglob("*") if path.is_file()]
    assert any(name.endswith(".safetensors") for name in seen)
    assert not [name for name in seen if name.endswith((".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"))]


def test_the_registered_model_answers_by_mlflow_too(first, workspace, lenient):
    import mlflow

    mlflow.set_tracking_uri(workspace.tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/{lenient.task}@challenger")
    assert set(model.metadata.get_input_schema().input_names()) == {"video", "title", "overlay_text"}
    video_id, row, evaluated = held_out(first[1], workspace)
    frame = pd.DataFrame(
        {"video": [Path(row.media_uri).read_bytes()], "title": [row.title], "overlay_text": [row.overlay_text]}
    )
    scores = json.loads(model.predict(frame).scores[0])
    assert list(scores.values()) == pytest.approx(list(evaluated), abs=1e-4), video_id


def held_out(outcome: Outcome, workspace: Workspace):
    """An evaluation video: its id, catalogue row and evaluated student scores."""
    scores = pq.read_table(outcome.report.parent / "scores.parquet").to_pandas()
    judged = scores[scores.split == "evaluation"].iloc[0]
    (path,) = (workspace.runs / "first").glob("*/validate-data/sound_catalogue")
    catalogue = pq.read_table(path).to_pandas().set_index("video_id")
    return judged.video_id, catalogue.loc[judged.video_id], judged.student


def test_a_second_run_reuses_what_did_not_change_and_a_failed_gate_promotes_nothing(first, workspace, lenient):
    strict = lenient.model_copy(update={"gate": GateSettings(margin=0.99)})
    before = by_alias(MlflowClient(workspace.tracking_uri), lenient.task, "challenger").version
    result, outcome = run(workspace, strict, "second")
    trained = [step for step in ("train-baseline", "train-teacher", "distill-student") if result.steps.get(step, 0) > 1]
    assert trained == []
    assert not outcome.verdict.passed
    assert "nominate" not in result.steps
    assert by_alias(MlflowClient(workspace.tracking_uri), lenient.task, "challenger").version == before


def test_what_was_reused_is_known(first, workspace, lenient):
    result, _ = run(workspace, lenient, "reused")
    assert {step for step, seconds in result.steps.items() if seconds == 0} >= {"train-teacher", "distill-student"}


def test_a_failed_expectation_stops_the_run_with_its_sentence(first, workspace, lenient):
    limits = lenient.validation.model_copy(update={"least_class_share": 0.9})
    with pytest.raises(RunFailed, match="the step validate-data failed: .*at least 90.0% of the labels are"):
        run(workspace, lenient.model_copy(update={"validation": limits}), "third")


@pytest.fixture
def server(first, workspace, lenient):
    """``cpfd promote`` and ``cpfd serve``, as a user runs them, on free ports."""
    promoted = cpfd(workspace, "promote", lenient.task)
    assert promoted.returncode == 0, promoted.stderr
    assert "is now the champion" in promoted.stdout
    command = [CPFD, "serve", "--workspace", str(workspace.folder)]
    command += ["--port", "0", "--management-port", "0", "--metrics-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not workspace.server_file.exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield process
    finally:
        if process.poll() is None:
            process.kill()


def test_serve_and_classify_answer_as_evaluated_and_leave_nothing_behind(server, first, workspace, lenient):
    video_id, row, evaluated = held_out(first[1], workspace)
    found = Server.find(workspace.server_file)
    reply = classify(found, lenient.task, Path(row.media_uri).read_bytes(), row.title, row.overlay_text)
    assert list(reply.scores.values()) == pytest.approx(list(evaluated), abs=1e-4), video_id
    asked = cpfd(
        workspace, "classify", lenient.task, "--video", row.media_uri, "--title", row.title,
        "--overlay-text", row.overlay_text,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert f"{lenient.task} version {reply.version}: {reply.label}" in asked.stdout
    check_refusals(found, lenient.task, Path(row.media_uri).read_bytes(), workspace)
    assert renew_token(found)
    assert classify(found, lenient.task, Path(row.media_uri).read_bytes(), "", "").scores
    metrics = requests.get(f"{found.metrics}/metrics", timeout=10).text
    assert "ts_inference_requests_total" in metrics
    children = psutil.Process(server.pid).children(recursive=True)
    assert any("java" in child.name() for child in children)
    server.send_signal(signal.SIGINT)
    assert server.wait(60) == 130
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    assert not workspace.server_file.exists()


def check_refusals(server: Server, task: str, video: bytes, workspace: Workspace) -> None:
    """What must not be answered: no token, an unknown field, broken media, a second server, new models."""
    url = f"{server.inference}/predictions/{task}"
    token = {"Authorization": f"Bearer {server.keys['inference']['key']}"}
    assert requests.post(url, files={"video": video}, timeout=30).status_code == 400
    extra = requests.post(url, files={"video": video}, data={"reports": "3"}, headers=token, timeout=30)
    assert extra.status_code == 400
    assert "unknown field(s) reports" in extra.json()["error"]
    for broken, reason in (
        (b"", "zero bytes"),
        (b"not a video", "not a readable video"),
        (video[:800], "readable|truncated"),
    ):
        with pytest.raises(RequestRefused, match=reason):
            classify(server, task, broken, "", "")
    admin = {"Authorization": f"Bearer {server.keys['management']['key']}"}
    added = requests.post(f"{server.management}/models", params={"url": "x.mar"}, headers=admin, timeout=30)
    assert added.status_code == 405
    again = cpfd(workspace, "serve")
    assert again.returncode == 1
    assert "served already" in again.stderr


def test_a_tampered_archive_is_not_served(first, workspace, lenient):
    client = MlflowClient(workspace.tracking_uri)
    version = by_alias(client, lenient.task, "champion") or by_alias(client, lenient.task, "challenger")
    client.set_registered_model_alias(lenient.task, "champion", version.version)
    (archive,) = workspace.folder.glob(f"mlflow-artifacts/**/{version.tags['archive_run']}/**/{lenient.task}.mar")
    content = archive.read_bytes()
    archive.write_bytes(content + b"x")
    try:
        done = cpfd(workspace, "serve", "--port", "0", "--management-port", "0", "--metrics-port", "0")
    finally:
        archive.write_bytes(content)
    assert done.returncode == 1
    assert "its digest differs" in done.stderr


def test_an_interrupted_run_leaves_no_process_and_the_next_one_goes_on(workspace, lenient, first):
    command = [CPFD, "run", lenient.task, "--workspace", str(workspace.folder), "--fresh"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not psutil.Process(process.pid).children() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(2)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    _, outcome = run(workspace, lenient, "after")
    assert outcome.verdict.passed
