"""A year of a weekly schedule with outages: every window is trained exactly once, and in order.

The stand-in makes the runs; what a run does before and after it trains are the real steps, on a real ledger and MLflow.
"""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from stand_in.cloud import Cloud
from stand_in.kubeflow import StandIn, served

from common.errors import BusyError
from corpus.schedule import Schedule
from pipelines.catching_up import catch_up
from pipelines.cluster import running
from pipelines.cluster.kubeflow import HOST, Kubeflow
from pipelines.cluster.settings import Cluster, ClusterError
from pipelines.request import Request
from promotion.ledger.claims import read_claims
from promotion.ledger.outbox import waiting

MONDAYS = Schedule("0 2 * * 1")
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
# Kubeflow is away for three weeks, and for the hours round a slot; for nine days every training loses its node.
AWAY = [
    (datetime(2026, 3, 10, 9, tzinfo=UTC), datetime(2026, 4, 1, 15, tzinfo=UTC)),
    (datetime(2026, 7, 6, 1, tzinfo=UTC), datetime(2026, 7, 6, 4, tzinfo=UTC)),
]
NODES_LOST = (datetime(2026, 9, 12, tzinfo=UTC), datetime(2026, 9, 15, 11, tzinfo=UTC))


@pytest.fixture(params=[True, False], ids=["told the slot", "told when it was made"])
def cloud(request, tmp_path):
    return Cloud(tmp_path, "low_quality", BEGIN, NODES_LOST), request.param


def test_every_window_of_a_year_is_trained_once_and_in_order(cloud, kubeflow_description, task):
    cloud, tells_slot = cloud
    stand_in = StandIn(cloud.execute, tells_slot)
    with served(stand_in, kubeflow_description) as host:
        kubeflow = Kubeflow.of(Cluster(**cloud.places), {HOST: host})
        stand_in.now = cloud.now
        first = MONDAYS.first(BEGIN)
        running.schedule(kubeflow, Request.on_cluster(task, kubeflow.cluster, None), MONDAYS, first)
        while cloud.now < END:
            cloud.now += HOUR
            if any(since <= cloud.now < until for since, until in AWAY):
                continue
            stand_in.tick(cloud.now)
            if cloud.now.hour == 12:
                caught_up(kubeflow, task, cloud.now)
    assert cloud.trained == MONDAYS.between(BEGIN, END)
    assert len(cloud.trained) == 52
    claims = read_claims(cloud.places["ledger_uri"], task.task)
    assert {each.state for each in claims.values()} == {"done"}
    assert {each.attempts for each in claims.values()} == {1, 3}  # on Monday the nodes were lost, and at noon again
    told = [each.content["type"] for each in waiting(cloud.places["ledger_uri"], "anyone", 0, 1e12)]
    assert told.count("run.failed") == 2
    assert told.count("run.gave_way") == cloud.runs - 54 >= 1


def caught_up(kubeflow: Kubeflow, task, now: datetime) -> None:
    """What 'cpfd catchup' does."""
    found = running.scheduled(kubeflow, task.task)
    train = running.trainer(kubeflow, task.task, found.version, found.arguments, pause=0)
    with contextlib.suppress(BusyError, ClusterError):  # the next call tries again
        list(catch_up(kubeflow.cluster.ledger_uri, task.task, found.windows(now), kubeflow.goes_on, train))
