"""The compiled pipeline, step after step by the command lines that a cluster would run, beside 'cpfd run'."""

import json
from datetime import UTC, datetime

import pytest
from mlflow import MlflowClient
from stand_in.replay import Replay, StepFailedError

from pipelines.cluster.settings import Cluster
from pipelines.graphs.compile import compile_task
from pipelines.request import Request
from promotion.ledger.claims import read_claims
from promotion.ledger.outbox import waiting
from promotion.ledger.store import read_ledger

pytestmark = pytest.mark.end_to_end
END = datetime(2026, 7, 1, tzinfo=UTC)
KUBEFLOW_RUN = "0f4ad7a2-1111-4222-8333-444455556666"
# The slot is the end of the window that the first run was for.
SCHEDULE = {"schedule": "0 0 1 * *", "since": "2026-07-01T00:00:00+00:00"}


def placeholders(run: str) -> dict[str, str]:
    return {"{{$.pipeline_job_uuid}}": run, "{{$.pipeline_job_schedule_time_utc}}": "2026-07-01T00:00:07Z"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, workspace) -> Cluster:
    folder = tmp_path_factory.mktemp("cluster")
    return Cluster(
        corpora=str(workspace.folder / "corpora"),
        checkpoints=str(folder / "checkpoints"),
        clip_store=(folder / "clips").as_uri(),
        feature_registry=str(folder / "feast" / "registry.db"),
        tracking_uri=f"sqlite:///{folder}/mlflow.db",
        ledger_uri=f"sqlite:///{folder}/ledger.db",
    )


@pytest.fixture(scope="module")
def scheduled(lenient, cluster) -> Request:
    """A run by a schedule, which is told no window."""
    return Request.on_cluster(lenient, cluster, None).training_once(**SCHEDULE)


@pytest.fixture(scope="module")
def replayed(scheduled, cluster, tmp_path_factory) -> Replay:
    folder = tmp_path_factory.mktemp("replay")
    replay = Replay(
        compile_task(scheduled.task, folder / "p.yaml", cluster), folder / "steps", placeholders(KUBEFLOW_RUN)
    )
    replay.run(scheduled.arguments)
    return replay


def evaluation(path) -> dict:
    return {name: each["metrics"] for name, each in json.loads(path.read_text())["models"].items()}


def registered(tracking_uri: str, task: str) -> tuple[dict, dict]:
    """The aliases of a task's model, and its versions' tags without the digests of what has times in it."""
    client = MlflowClient(tracking_uri)
    versions = client.search_model_versions(f"name = '{task}'")
    own = {"archive_run", "archive_sha256", "evidence_sha256"}
    tags = {each.version: {k: v for k, v in each.tags.items() if k not in own} for each in versions}
    return client.get_registered_model(task).aliases, tags


def test_it_ends_with_the_same_metrics_and_the_same_registry_state(first, workspace, replayed, cluster, lenient):
    assert replayed.ran[0] == "open-run"
    assert replayed.ran[-4:] == ["package", "check-parity", "nominate", "close-run"]
    assert len(replayed.ran) == 21
    ours = first.result.outputs["evaluate/evaluation"]
    assert evaluation(replayed.folder / "evaluate" / "evaluation") == evaluation(ours)
    here, there = (registered(uri, lenient.task) for uri in (workspace.tracking_uri, cluster.tracking_uri))
    assert there == here
    assert list(here[0]) == ["challenger"]
    weights = first.result.outputs["distill-student/distilled"] / "model.safetensors"
    assert (
        replayed.folder / "distill-student" / "distilled" / "model.safetensors"
    ).read_bytes() == weights.read_bytes()
    entries = [
        [(each.action, each.task, each.version) for each in read_ledger(uri)]
        for uri in (workspace.ledger_uri, cluster.ledger_uri)
    ]
    assert entries[0][: len(entries[1])] == entries[1] != []


def test_its_record_ends_and_its_window_is_done(replayed, cluster, lenient):
    client = MlflowClient(cluster.tracking_uri)
    experiment = client.get_experiment_by_name(lenient.task).experiment_id
    (run,) = client.search_runs([experiment], f"tags.kubeflow_run = '{KUBEFLOW_RUN}'")
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "low_quality-to-20260701-0f4ad7a2"
    (claim,) = read_claims(cluster.ledger_uri, lenient.task).values()
    assert (claim.state, claim.holder) == ("done", KUBEFLOW_RUN)


def test_a_second_run_of_the_same_slot_gives_way(replayed, scheduled, cluster, tmp_path, lenient):
    second = Replay(replayed.path, tmp_path / "steps", placeholders("0f4ad7a2-9999-4222-8333-444455556666"))
    with pytest.raises(StepFailedError, match=f"was trained by the run {KUBEFLOW_RUN}"):
        second.run(scheduled.arguments)
    assert second.ran == ["open-run", "close-run"]
    told = [each.content["type"] for each in waiting(cluster.ledger_uri, "anyone", 0, 1e12)]
    assert told.count("run.gave_way") == 1
    assert "run.failed" not in told
    assert read_claims(cluster.ledger_uri, lenient.task)[END].state == "done"
