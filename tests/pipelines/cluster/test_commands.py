"""The commands of a cluster as a user types them, against the stand-in, whose runs really claim windows."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
import yaml
from processes import CPFD, LONGEST
from stand_in.cloud import Cloud
from stand_in.kubeflow import StandIn, served

from corpus.schedule import Schedule
from pipelines.cluster.kubeflow import HOST, TOKEN
from promotion.ledger.claims import MOST_ATTEMPTS, claim, read_claims, settle

VALID = "a token that is valid"
DAILY = "30 1 * * *"
TEXTS = {
    "modalities": ["title", "overlay_text"],
    "classes": ["no", "yes"],
    "description": "A test's",
    "profile": "tiny",
}


@pytest.fixture
def cloud(tmp_path) -> Cloud:
    return Cloud(tmp_path, "spam", datetime.now(UTC))


@pytest.fixture
def stand_in(cloud) -> StandIn:
    return StandIn(cloud.execute, token=VALID)


@pytest.fixture
def cpfd(cloud, stand_in, kubeflow_description, tmp_path):
    """The command line in a workspace that has two tasks of its own, and one whose file cannot be read."""
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(cloud.places))
    (tmp_path / "tasks").mkdir()
    for name in ("spam", "scam"):
        (tmp_path / "tasks" / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **TEXTS}))

    with served(stand_in, kubeflow_description) as host:

        def ask(*arguments: str, token: str = VALID, host: str = host) -> subprocess.CompletedProcess[str]:
            environment = {**os.environ, HOST: host, TOKEN: token, "CPFD_WORKSPACE": str(tmp_path)}
            return subprocess.run(
                [CPFD, *arguments], env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
            )

        yield ask


def said(done: subprocess.CompletedProcess[str], status: int = 0) -> str:
    assert done.returncode == status, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def test_a_schedule_is_made_caught_up_with_and_removed(cpfd, cloud, stand_in, tmp_path):
    since = datetime.now(UTC) - timedelta(days=3)
    shown = said(cpfd("schedule", "spam", "--cron", DAILY, "--since", f"{since:%Y-%m-%d}"))
    for slot in islice(Schedule(DAILY).after(datetime.now(UTC)), 3):
        assert f"{slot:%a %Y-%m-%d %H:%M} UTC" in shown
    assert "has the schedule '30 1 * * *' already" in said(cpfd("schedule", "spam", "--cron", DAILY), 1)
    shown = said(cpfd("catchup", "spam"))
    due = Schedule(DAILY).between(since.replace(hour=0, minute=0, second=0, microsecond=0), datetime.now(UTC))
    assert cloud.trained == due
    assert f"spam: {len(due)} of {len(due)} windows trained now, none is missing" in shown
    assert f"spam: 0 of {len(due)} windows trained now" in said(cpfd("catchup", "spam"))
    assert "SUCCEEDED" in said(cpfd("runs"))
    assert "it was '30 1 * * *' UTC" in said(cpfd("unschedule", "spam"))
    assert "spam has no schedule: make one" in said(cpfd("catchup", "spam"), 1)
    assert not stand_in.kept["recurringRuns"]


def test_a_backfill_trains_each_window_once_and_another_run_makes_it_wait(cpfd, cloud):
    asked = ("backfill", "spam", "--from", "2026-01-01", "--to", "2026-04-15", "--every", "month")
    february = datetime(2026, 2, 1, tzinfo=UTC)
    claim(cloud.places["ledger_uri"], "spam", february, "laptop:/a/run")
    assert "to 2026-02-01 00:00 is being trained by laptop:/a/run" in said(cpfd(*asked), 4)
    assert cloud.trained == [datetime(2026, 1, 1, tzinfo=UTC)]
    claims = read_claims(cloud.places["ledger_uri"], "spam")
    assert claims[february].state == "held"


def test_a_window_that_was_given_up_is_named_until_it_is_freed(cpfd, cloud):
    asked = ("backfill", "spam", "--from", "2026-01-01", "--to", "2026-02-15", "--every", "month")
    for attempt in range(MOST_ATTEMPTS):
        claim(cloud.places["ledger_uri"], "spam", datetime(2026, 1, 1, tzinfo=UTC), f"{attempt}")
        settle(cloud.places["ledger_uri"], "spam", f"{attempt}", done=False)
    assert "given up after 3 failures: 2026-01-01 00:00; once mended, 'cpfd release spam" in said(cpfd(*asked), 1)
    assert cloud.trained == [datetime(2026, 2, 1, tzinfo=UTC)]
    assert "is free; the run 2 had it" in said(cpfd("release", "spam", "2026-01-01 00:00"))
    assert "1 of 2 windows trained now, none is missing" in said(cpfd(*asked))
    assert "or it was trained" in said(cpfd("release", "spam", "2026-01-01"), 1)


def test_a_password_goes_nowhere(cpfd, stand_in, tmp_path):
    secret = {"ledger_uri": "postgresql+psycopg://cpfd:hunter2@postgres/cpfd"}
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(secret))
    shown = said(cpfd("submit", "spam", "--end", "2026-09-01"), 1)
    assert "cluster.yaml, line 1: ledger_uri" in shown
    assert "hunter2" not in shown
    assert not stand_in.kept["runs"]


def test_all_tasks_are_submitted_and_one_that_cannot_be_stops_no_other(cpfd, stand_in, tmp_path):
    (tmp_path / "tasks" / "broken.yaml").write_text("task: broken\n")
    shown = said(cpfd("submit", "--all", "--end", "2026-09-01"), 1)
    assert "broken: broken.yaml, line 1" in shown
    tasks = [each["display_name"].partition("-to-")[0] for each in stand_in.kept["runs"].values()]
    assert {"scam", "spam", "low_quality"} <= set(tasks)
    assert f"1 of {len(tasks) + 1} tasks failed: broken" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("schedule", "spam", "--cron", "0 0 2 * * 1"), "has 6 fields, not five"),
        (("schedule", "spam", "--cron", DAILY, "--zone", "Europe/Berlin"), "in its server's zone, UTC, and not"),
        (("submit", "spam"), "say which window to train: --end"),
        (("submit",), "name a task, or --all"),
        (("unschedule", "spam"), "spam has no schedule"),
        (("catchup", "spam", "--here"), "on this machine say which windows"),
        (("backfill", "spam", "--from", "2026-02-01", "--to", "2026-01-01", "--every", "day"), "no window ends"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_sentence(cpfd, arguments, sentence):
    assert sentence in said(cpfd(*arguments), 1)


def test_a_token_that_has_expired_and_nobody_at_the_host_are_said(cpfd):
    assert "set KF_PIPELINES_TOKEN to a token that is valid" in said(cpfd("runs", token="old"), 1)
    assert "Kubeflow does not answer at http://127.0.0.1:9" in said(cpfd("runs", host="http://127.0.0.1:9"), 1)
    assert "no Kubeflow is named: set KF_PIPELINES_ENDPOINT" in said(cpfd("runs", host=""), 1)
