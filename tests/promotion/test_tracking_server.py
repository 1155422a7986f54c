"""All of it over HTTP, as on a cluster: a real MLflow server that keeps the artifacts too."""

import pytest
from processes import free_port, mlflow_server
from run_records import TASK, Tracked, archive, copy_database, digest_of, record

from promotion.ledger.projection import verify
from promotion.records import record_run
from promotion.registry import champions, fetch_archive, keep_archive
from promotion.review import Office, approve, request
from promotion.runs import begin_run, close_abandoned


@pytest.fixture
def server(empty_database, tmp_path):
    """The URL of ``mlflow server`` over a database of its own."""
    database = copy_database(empty_database, tmp_path)
    port = free_port()
    given = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", database]
    with mlflow_server([*given, "--artifacts-destination", (tmp_path / "served").as_uri()], port, tmp_path) as url:
        yield url


def test_a_run_is_recorded_registered_and_fetched_through_a_server(server, tmp_path):
    begin_run(server, TASK, "killed", {})
    leftover = Tracked(server).client.create_logged_model(
        Tracked(server).experiment, "student", source_run_id=Tracked(server).top()[0].info.run_id
    )
    assert close_abandoned(server, TASK, lambda _: False) == ["killed"]
    assert leftover.model_id not in [model.model_id for model in Tracked(server).models()]
    run_id, version = record_run(server, record(tmp_path / "a", "first"))
    assert record_run(server, record(tmp_path / "b", "second"))[1] == version == "1"
    office = Office(server, f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "ledger.pem")
    packed, parity = archive(tmp_path / "archive", "bytes")
    for _ in range(2):
        keep_archive(server, TASK, run_id, version, packed, parity)
        assert request(server, office.ledger_uri, TASK, run_id, version, "").challenger == "1"
    assert approve(office, TASK, "1", "reviewer", "better") == ("1", "")
    path, digest = fetch_archive(server, champions(server)[TASK], tmp_path)
    assert (path.read_text(), digest) == ("bytes", digest_of("bytes"))
    entries, vouched, found = verify(server, office.ledger_uri, office.key)
    assert (len(entries), vouched, found) == (2, 2, [])
    tracked = Tracked(server)
    assert tracked.running() == []
    assert len(tracked.versions()) == len(tracked.models()) == 1
