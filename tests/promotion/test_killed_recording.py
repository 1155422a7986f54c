"""Recording that is killed at any call to MLflow, and repeated: nothing runs for ever, and there is one version."""

import multiprocessing
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient
from processes import exit_codes
from run_records import TASK, Tracked, copy_database, record

from promotion.records import record_run
from promotion.runs import begin_run, close_abandoned, end_run
from promotion.tracking import prepare

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["promotion.records", "run_records"])
NEVER = 10_000


def die_after(calls: int, seen: list[str]) -> None:
    """From now on, kill this process at the end of the n-th call that changes something in MLflow."""

    def counted(name: str, method):
        def wrapped(*args, **kwargs):
            try:
                return method(*args, **kwargs)
            finally:
                seen.append(name)
                if len(seen) == calls:
                    os.kill(os.getpid(), signal.SIGKILL)

        return wrapped

    for name in dir(MlflowClient):
        if name.startswith(("create_", "log_", "set_", "update_", "delete_", "finalize_")):
            setattr(MlflowClient, name, counted(name, getattr(MlflowClient, name)))


def record_until(uri: str, folder: Path, name: str, calls: int, report=None) -> None:
    """In a process of its own."""
    seen: list[str] = []
    die_after(calls, seen)
    record_run(uri, record(folder, name))
    if report is not None:
        report.put(seen)


def in_child(uri: str, folder: Path, name: str, calls: int) -> int | None:
    child = FORKS.Process(target=record_until, args=(uri, folder, name, calls))
    (code,) = exit_codes(child)
    return code


@pytest.fixture(scope="module")
def calls(empty_database, tmp_path_factory) -> list[str]:
    """The calls of a recording that nobody kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    uri = copy_database(empty_database, folder)
    prepare(uri, (folder / "artifacts").as_uri(), TASK)
    queue = FORKS.Queue()
    child = FORKS.Process(target=record_until, args=(uri, folder / "files", "run", NEVER, queue))
    child.start()
    seen = queue.get(timeout=120)
    child.join(120)
    assert {"create_run", "create_logged_model", "log_model_artifacts", "create_model_version"} <= set(seen)
    return seen


def check_settled(uri: str, runs: int) -> None:
    """No run runs, each model has a version, and there is one version."""
    tracked = Tracked(uri)
    assert tracked.running() == []
    assert [str(version.version) for version in tracked.versions()] == ["1"]
    assert [f"models:/{model.model_id}" for model in tracked.models()] == [tracked.versions()[0].source]
    assert len([run for run in tracked.top() if run.info.status == "FINISHED"]) == 1
    assert len(tracked.top()) == runs


def test_a_chain_of_killed_runs_ends_with_one_finished_run_and_one_version(tracking_uri, tmp_path, calls):
    """Each run dies some calls later than the one before it, as if its user started it again and again."""
    models, version = calls.index("create_logged_model"), calls.index("create_model_version")
    moments = [*range(1, models, 4), *range(models, version + 1)]  # a run that was begun has a call less
    for number, moment in enumerate(moments):
        closed = close_abandoned(tracking_uri, TASK, lambda _: False)
        assert closed == ([f"run-{number - 1}"] if number else [])
        begin_run(tracking_uri, TASK, f"run-{number}", {})
        assert in_child(tracking_uri, tmp_path / "files", f"run-{number}", moment) == -signal.SIGKILL
    close_abandoned(tracking_uri, TASK, lambda _: False)
    last = begin_run(tracking_uri, TASK, "last", {})
    assert record_run(tracking_uri, record(tmp_path / "files", "last")) == (last, "1")
    end_run(tracking_uri, last, "FINISHED")
    check_settled(tracking_uri, runs=len(moments) + 1)
    (weights,) = (tmp_path / "artifacts").rglob("*.safetensors")
    assert Tracked(tracking_uri).models()[0].model_id in str(weights)


def test_a_step_that_is_killed_and_retried_under_its_name_goes_on_with_its_run(tracking_uri, tmp_path, calls):
    """On a cluster nobody begins or closes a run: the retried step finds it by its name."""
    ends = []
    for moment in [*range(1, len(calls), 3), len(calls) - 3, len(calls) - 1]:
        ends.append(in_child(tracking_uri, tmp_path / "files", "run", moment))
    assert ends.count(-signal.SIGKILL) > 5
    record_run(tracking_uri, record(tmp_path / "files", "run"))
    check_settled(tracking_uri, runs=1)


@pytest.mark.parametrize(("last_call", "left"), [("create_run", "runs"), ("log_model_artifacts", "models")])
def test_a_failed_run_leaves_nothing_running_and_says_why(tracking_uri, tmp_path, calls, last_call, left):
    """The step was killed, and its runner lived to say so."""
    begun = calls[1:]  # without the call that makes the run itself
    run_id = begin_run(tracking_uri, TASK, "run", {})
    moment = begun.index(last_call) + 1
    assert in_child(tracking_uri, tmp_path / "files", "run", moment) == -signal.SIGKILL
    assert len(Tracked(tracking_uri).running()) == (2 if left == "runs" else 1)
    assert len(Tracked(tracking_uri).models()) == (0 if left == "runs" else 1)
    end_run(tracking_uri, run_id, "FAILED", "the step register was killed")
    tracked = Tracked(tracking_uri)
    assert tracked.running() == []
    assert tracked.models() == []
    (run,) = tracked.top()
    assert run.info.status == "FAILED"
    assert run.data.tags["reason"] == run.data.tags["mlflow.note.content"] == "the step register was killed"


def test_runs_that_live_are_left_alone(tracking_uri, tmp_path):
    begin_run(tracking_uri, TASK, "alive", {})
    begin_run(tracking_uri, TASK, "dead", {})
    record_run(tracking_uri, record(tmp_path, "alive"))
    assert close_abandoned(tracking_uri, TASK, lambda name: name == "alive") == ["dead"]
    tracked = Tracked(tracking_uri)
    assert tracked.running() == ["alive"]
    assert len(tracked.models()) == 1


def test_a_killed_run_lasted_until_it_was_last_seen(tracking_uri):
    begin_run(tracking_uri, TASK, "dead", {})
    started = Tracked(tracking_uri).top()[0].info.start_time
    seen = datetime.fromtimestamp(started / 1000 + 90, UTC)
    close_abandoned(tracking_uri, TASK, lambda _: False, lambda name: seen if name == "dead" else None)
    info = Tracked(tracking_uri).top()[0].info
    assert info.status == "KILLED"
    assert info.end_time - info.start_time == pytest.approx(90_000, abs=1)
