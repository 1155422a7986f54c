"""``cpfd approve``, ``cpfd serve`` and ``cpfd classify`` as a user runs them, and runs that are interrupted."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import requests
from mlflow import MlflowClient
from processes import CPFD

from promotion.gate.checks import CHECKS
from promotion.gate.policy import GateSettings
from promotion.review import standing
from serving.client import RequestRefused, classify, renew_token
from serving.server import Server

pytestmark = pytest.mark.end_to_end
FREE_PORTS = ("--port", "0", "--management-port", "0", "--metrics-port", "0")


def ignoring_interrupts() -> None:
    """As nohup and many runners start their children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def champion(first, workspace, lenient, cpfd) -> str:
    """The version that serves, approved if need be."""
    now = standing(workspace.ledger_uri, lenient.task)
    if not now.champion:
        approved = cpfd("approve", lenient.task, now.challenger, "--by", "Ada", "--reason", "better on texts")
        assert approved.returncode == 0, approved.stderr
        assert f"{lenient.task} version {now.challenger} is now the champion" in approved.stdout
    return now.champion or now.challenger


@pytest.fixture
def server(champion, workspace, cpfd):
    command = [CPFD, "serve", "--workspace", str(workspace.folder), *FREE_PORTS]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=ignoring_interrupts,
    )  # fmt: skip
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


def test_serve_and_classify_answer_as_evaluated_and_leave_nothing_behind(server, workspace, lenient, held_out, cpfd):
    video_id, row, evaluated = held_out
    found = Server.find(workspace.server_file)
    video = Path(row.media_uri).read_bytes()
    reply = classify(found, lenient.task, video, row.title, row.overlay_text)
    assert list(reply.scores.values()) == pytest.approx(list(evaluated), abs=1e-4), video_id
    asked = cpfd(
        "classify", lenient.task, "--video", row.media_uri, "--title", row.title, "--overlay-text", row.overlay_text
    )
    assert asked.returncode == 0, asked.stderr
    assert f"{lenient.task} version {reply.version}: {reply.label}" in asked.stdout
    check_refusals(found, lenient.task, video, cpfd)
    assert renew_token(found)
    assert classify(found, lenient.task, video, "", "").scores
    metrics = requests.get(f"{found.metrics}/metrics", timeout=10).text
    assert "ts_inference_requests_total" in metrics
    children = psutil.Process(server.pid).children(recursive=True)
    assert any("java" in child.name() for child in children)
    server.send_signal(signal.SIGINT)
    assert server.wait(60) == 130
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    assert not workspace.server_file.exists()


def check_refusals(server: Server, task: str, video: bytes, cpfd) -> None:
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
    again = cpfd("serve")
    assert again.returncode == 4
    assert "served already" in again.stderr


def test_who_approved_what_and_why_is_known_afterwards(champion, lenient, cpfd):
    kept = json.loads(cpfd("ledger", "show", lenient.task, "--json").stdout)
    approved = next(each for each in kept if each["action"] == "approved")
    assert (approved["version"], approved["by"], approved["reason"]) == (champion, "Ada", "better on texts")
    assert "better on texts" in cpfd("ledger", "show").stdout
    assert f"{lenient.task} version {champion}, since" in cpfd("ledger", "at", "2100-01-01").stdout
    assert "No version of any task served then" in cpfd("ledger", "at", "2000-01-01").stdout
    assert "entries is whole; signatures outside vouch for the first" in cpfd("ledger", "verify").stdout
    assert "MLflow's aliases are what the ledger says" in cpfd("ledger", "repair").stdout
    again = cpfd("approve", lenient.task, champion, "--reason", "twice")
    assert (again.returncode, "is the champion already" in again.stderr) == (1, True)
    assert "served before" in cpfd("rollback", lenient.task, "--reason", "complaints").stderr


def test_the_next_run_scores_the_champion_again_through_its_archive(champion, lenient, first, again, cpfd):
    gate = GateSettings(checks=dict.fromkeys(CHECKS, "advisory"))
    found = again(lenient.model_copy(update={"gate": gate})).outcome
    verdict, before = found.verdict, first.outcome.verdict
    assert (verdict.champion, verdict.policy, verdict.changed) == (champion, "refresh", {})
    assert (before.look, verdict.look) == (1, 1)  # the same weights are one look
    judged = {check.name: check for check in verdict.checks}
    assert judged["champion"].value == 0  # it is the same student
    assert "against the champion's" in judged["champion"].reason
    scores = pq.read_table(found.report.parent / "scores.parquet").to_pandas()
    student, served = (np.stack(scores[name].to_numpy()) for name in ("student", "champion"))
    np.testing.assert_allclose(served, student, atol=1e-4)
    assert "A refresh: the settings are those of version" in found.report.read_text()
    assert cpfd("reject", lenient.task, found.version, "--reason", "it is the same").returncode == 0


def test_a_reviewer_is_led_to_the_evidence(champion, lenient, cpfd):
    shown = cpfd("review", lenient.task, "--no-open", "--version", champion).stdout
    page = Path(shown.partition("): ")[2].splitlines()[0])
    assert lenient.task in page.read_text()
    assert "asks to serve" in cpfd("review", lenient.task, "--no-open").stdout


def test_a_tampered_archive_is_not_served(champion, workspace, lenient, cpfd):
    version = MlflowClient(workspace.tracking_uri).get_model_version(lenient.task, champion)
    (archive,) = workspace.folder.glob(f"mlflow-artifacts/**/{version.tags['archive_run']}/**/{lenient.task}.mar")
    content = archive.read_bytes()
    archive.write_bytes(content + b"x")
    try:
        done = cpfd("serve", *FREE_PORTS)
    finally:
        archive.write_bytes(content)
    assert done.returncode == 1
    assert "its digest differs" in done.stderr


@pytest.fixture
def running(first, workspace, lenient):
    """``cpfd run --fresh`` as a runner starts it, and the processes of the step that it is at."""
    command = [CPFD, "run", lenient.task, "--workspace", str(workspace.folder), "--fresh"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=ignoring_interrupts,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not any(is_executor(child) for child in children_of(process)):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process, children_of(process)
    finally:
        process.kill()


def children_of(process: subprocess.Popen) -> list[psutil.Process]:
    return [each for each in psutil.Process(process.pid).children(recursive=True) if each.is_running()]


def is_executor(process: psutil.Process) -> bool:
    """Whether it is a step's executor: a process that has just ended, or is a zombie, is none."""
    try:
        return any("executor_main" in part for part in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def newest_run(workspace, task):
    client = MlflowClient(workspace.tracking_uri)
    experiment = client.get_experiment_by_name(task.task).experiment_id
    found = [each for each in client.search_runs([experiment]) if "mlflow.parentRunId" not in each.data.tags]
    return max(found, key=lambda each: each.info.start_time)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_an_interrupted_run_leaves_no_process_and_is_in_mlflow(running, workspace, lenient, sent):
    process, steps = running
    os.killpg(process.pid, sent)
    assert process.wait(60) == 130
    _, alive = psutil.wait_procs(steps, timeout=20)
    assert alive == []
    assert newest_run(workspace, lenient).info.status == "KILLED"


def test_a_task_that_is_being_run_is_busy(running, lenient, cpfd):
    for command in (("run", lenient.task), ("clean", "--keep", "9")):
        refused = cpfd(*command)
        assert refused.returncode == 4, refused.stderr
        assert "wait for that run" in refused.stderr or "clean when it has ended" in refused.stderr


def test_what_a_killed_run_left_is_ended_and_closed_by_the_next_which_goes_on(running, workspace, lenient, again):
    process, steps = running
    process.kill()
    process.wait(10)
    killed = newest_run(workspace, lenient)
    assert killed.info.status == "RUNNING"
    assert any(step.is_running() for step in steps)
    died = time.time()
    time.sleep(3)
    assert again(lenient).outcome.verdict.passed
    _, alive = psutil.wait_procs(steps, timeout=5)
    assert alive == []
    closed = MlflowClient(workspace.tracking_uri).get_run(killed.info.run_id).info
    assert closed.status == "KILLED"
    assert closed.end_time / 1000 < died + 2  # when it last wrote, not when it was found
