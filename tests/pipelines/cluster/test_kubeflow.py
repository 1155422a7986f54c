"""Kubeflow's own client, as we use it, against a strict stand-in made of Kubeflow's API description."""

from datetime import UTC, datetime, timedelta

import pytest
from stand_in.kubeflow import StandIn, served

from corpus.schedule import Schedule
from pipelines.cluster import running
from pipelines.cluster.kubeflow import HOST, TOKEN, Kubeflow
from pipelines.cluster.settings import Cluster, ClusterError
from pipelines.request import Request

MONDAYS = Schedule("0 2 * * 1")
FIRST = datetime(2026, 1, 5, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    return StandIn(lambda _run, _parameters, _at: "SUCCEEDED", token="valid")


@pytest.fixture(scope="module")
def host(stand_in, kubeflow_description):
    with served(stand_in, kubeflow_description) as url:
        yield url


@pytest.fixture(scope="module")
def kubeflow(host) -> Kubeflow:
    return Kubeflow.of(Cluster(), {HOST: host, TOKEN: "valid"})


def test_a_task_is_published_once_for_what_it_is(kubeflow, stand_in, task):
    one, again = running.publish(kubeflow, task), running.publish(kubeflow, task)
    assert one == again
    changed = running.publish(kubeflow, task.model_copy(update={"seed": 5}))
    assert changed.pipeline_id == one.pipeline_id
    assert changed.version_id != one.version_id
    names = [each["display_name"] for each in stand_in.kept["pipeline_versions"].values()]
    assert names.count(one.name) == 1


def test_a_run_is_given_what_the_graph_takes(kubeflow, stand_in, task):
    request = Request.on_cluster(task, kubeflow.cluster, datetime(2026, 2, 1), 2)
    run = running.submit(kubeflow, running.publish(kubeflow, task), request)
    given = stand_in.kept["runs"][run]["runtime_config"]["parameters"]
    assert given["window_end"] == "2026-02-01T00:00:00+00:00"
    assert given["corpus"] == "/mnt/cpfd/corpora/simulated"
    assert (given["months"], given["once"], given["schedule"]) == (2, False, "")
    assert kubeflow.state(run) == "SUCCEEDED"
    assert [each.run_id for each in kubeflow.runs(1)] == [run]
    assert not kubeflow.goes_on(run)
    assert kubeflow.state("00000000-0000-0000-0000-000000000000") == ""
    assert kubeflow.goes_on("host:/a/laptop/run")


def test_a_schedule_is_pinned_seconds_first_and_the_only_one_of_its_task(kubeflow, stand_in, task):
    request = Request.on_cluster(task, kubeflow.cluster, None)
    made = running.schedule(kubeflow, request, MONDAYS, FIRST)
    (kept,) = stand_in.kept["recurringRuns"].values()
    assert kept["trigger"]["cron_schedule"]["cron"] == "0 0 2 * * 1"
    assert (kept["max_concurrency"], kept["no_catchup"]) == (1, True)
    assert kept["pipeline_version_reference"]["pipeline_version_id"] == made.version.version_id
    found = running.scheduled(kubeflow, task.task)
    assert (found.schedule, found.since, found.arguments) == (MONDAYS, FIRST, made.arguments)
    assert found.windows(datetime(2026, 1, 20, tzinfo=UTC)) == [
        FIRST,
        datetime(2026, 1, 12, 2, tzinfo=UTC),
        datetime(2026, 1, 19, 2, tzinfo=UTC),
    ]
    with pytest.raises(ClusterError, match=r"low_quality has the schedule '0 2 \* \* 1' already"):
        running.schedule(kubeflow, request, MONDAYS, FIRST)
    kubeflow.stop_repeating(found.recurring_run_id)
    assert running.scheduled(kubeflow, task.task) is None


def test_a_schedule_of_the_future_begins_with_its_first_slot(kubeflow, stand_in, task):
    since = MONDAYS.first(datetime.now(UTC) + timedelta(days=30))
    made = running.schedule(kubeflow, Request.on_cluster(task, kubeflow.cluster, None), MONDAYS, since)
    (kept,) = stand_in.kept["recurringRuns"].values()
    start = datetime.fromisoformat(kept["trigger"]["cron_schedule"]["start_time"])
    assert MONDAYS.first(start) == next(MONDAYS.after(start)) == since
    kubeflow.stop_repeating(made.recurring_run_id)


def test_what_is_refused_is_a_sentence(kubeflow, host, task):
    with pytest.raises(ClusterError, match="no Kubeflow is named: set KF_PIPELINES_ENDPOINT"):
        Kubeflow.of(Cluster(), {})
    expired = Kubeflow.of(Cluster(), {HOST: host, TOKEN: "old"})
    with pytest.raises(ClusterError, match="refuses us .*: set KF_PIPELINES_TOKEN to a token that is valid"):
        expired.runs(1)
    nobody = Kubeflow.of(Cluster(), {HOST: "http://127.0.0.1:9"})
    with pytest.raises(ClusterError, match="Kubeflow does not answer at http://127.0.0.1:9"):
        nobody.runs(1)
    version = running.publish(kubeflow, task)
    with pytest.raises(ClusterError, match="refuses: unknown parameters"):
        kubeflow.submit(version, "x", {"no_such": 1})
    with pytest.raises(ClusterError, match="refuses: the cron expression is invalid"):
        kubeflow.repeat(version, "x", "99 0 2 * * 1", FIRST, Request.on_cluster(task, Cluster(), None).arguments)


def test_the_stand_in_reads_five_fields_as_the_server_does(stand_in):
    """A Unix expression would mean January, every hour at two minutes past."""
    five = {"trigger": {"cron_schedule": {"cron": "0 2 * * 1"}}}
    assert next(stand_in._slots(five, FIRST)) == datetime(2026, 1, 5, 2, 2, tzinfo=UTC)
    six = {"trigger": {"cron_schedule": {"cron": MONDAYS.six_fields}}}
    assert next(stand_in._slots(six, FIRST)) == datetime(2026, 1, 12, 2, tzinfo=UTC)
