"""The review desk over HTTP: who is let in, what a decision needs, and that it says what the ledger then holds."""

import re
import secrets

import pytest
from run_records import TASK, nominated
from starlette.testclient import TestClient

from promotion.desk.access import DESK_POLICY, EVIDENCE_POLICY
from promotion.desk.app import create_desk
from promotion.desk.settings import DeskSettings
from promotion.ledger.store import read_ledger
from promotion.review import approve, standing

ADDRESS = "http://127.0.0.1"


@pytest.fixture
def asked(office, tmp_path):
    """Version 1 serves, version 2 asks to."""
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "one", "first")
    approve(office, TASK, "1", "Ada", "the <b>first</b>")
    nominated(office.tracking_uri, office.ledger_uri, tmp_path, "two", "second", seed=8)
    return office


@pytest.fixture
def open_desk(asked, tmp_path):
    """A browser's session at a desk with these settings, let in by its link."""

    def opened(**settings) -> TestClient:
        own = DeskSettings(token=secrets.token_urlsafe(), name="Ada", **settings)
        client = TestClient(create_desk(asked, own, tmp_path / "reviews"), base_url=ADDRESS, follow_redirects=False)
        assert "url=/" in client.get("/enter", params={"token": own.token}).text
        return client

    return opened


def form(client: TestClient, **values: str) -> dict[str, str]:
    """A task's form as the page has it, filled in."""
    csrf = re.search(r'name="csrf" value="(\w+)"', client.get(f"/tasks/{TASK}").text)[1]
    return {"csrf": csrf, "version": "2", "name": "Bo", "reason": "better on texts", **values}


def test_nobody_is_let_in_without_the_link(asked, tmp_path):
    client = TestClient(create_desk(asked, DeskSettings(token=secrets.token_urlsafe()), tmp_path), base_url=ADDRESS)
    for path in ("/", f"/tasks/{TASK}", f"/evidence/{TASK}/2", "/desk.css", "/nowhere"):
        assert client.get(path).status_code == 401
    assert client.get("/enter", params={"token": "guessed"}).status_code == 401
    assert client.post(f"/tasks/{TASK}/approve", data={"csrf": "x"}).status_code == 401


def test_a_page_of_another_name_that_leads_here_is_not_let_in(open_desk):
    client = open_desk()
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert open_desk(public_hosts=("desk.example",)).get("/", headers={"host": "desk.example"}).status_code == 200


def test_what_waits_goes_first_and_markup_is_text(open_desk):
    client = open_desk()
    home = client.get("/")
    assert "Version 2 asks to serve" in home.text
    assert home.headers["content-security-policy"] == DESK_POLICY
    assert home.headers["cache-control"] == "no-store"
    shown = client.get(f"/tasks/{TASK}").text
    assert "the &lt;b&gt;first&lt;/b&gt;" in shown
    assert "<b>first</b>" not in shown
    assert "<script" not in home.text + shown


def test_the_evidence_is_shown_apart_from_the_desk(open_desk):
    found = open_desk().get(f"/evidence/{TASK}/2")
    assert found.status_code == 200
    assert found.headers["content-security-policy"] == EVIDENCE_POLICY
    assert "sandbox allow-scripts" in EVIDENCE_POLICY
    assert "allow-same-origin" not in EVIDENCE_POLICY
    missing = open_desk().get(f"/evidence/{TASK}/77")
    assert (missing.status_code, "has no version 77" in missing.text) == (404, True)


def test_approve_reject_and_go_back(open_desk, asked):
    client = open_desk()
    done = client.post(f"/tasks/{TASK}/approve", data=form(client))
    assert (done.status_code, done.headers["location"]) == (303, f"/tasks/{TASK}")
    assert standing(asked.ledger_uri, TASK).champion == "2"
    last = read_ledger(asked.ledger_uri)[-1]
    assert (last.action, last.version, last.former, last.by, last.reason) == (
        "approved",
        "2",
        "1",
        "Bo",
        "better on texts",
    )
    assert "Go back to version 1" in client.get(f"/tasks/{TASK}").text
    assert (
        client.post(f"/tasks/{TASK}/rollback", data=form(client, version="1", reason="complaints")).status_code == 303
    )
    assert standing(asked.ledger_uri, TASK).champion == "1"


def test_reject(open_desk, asked):
    client = open_desk()
    assert client.post(f"/tasks/{TASK}/reject", data=form(client, reason="its texts are odd")).status_code == 303
    assert standing(asked.ledger_uri, TASK).challenger == ""
    assert "Nobody asks to serve" in client.get(f"/tasks/{TASK}").text


@pytest.mark.parametrize("wrong", [{"reason": "  "}, {"name": " "}, {"version": "77"}])
def test_a_decision_that_cannot_be_made_says_why_and_keeps_what_was_typed(open_desk, asked, wrong):
    client, before = open_desk(), read_ledger(asked.ledger_uri)
    found = client.post(f"/tasks/{TASK}/approve", data=form(client, **{"reason": "a <long> story", **wrong}))
    assert found.status_code == 409
    assert "Nothing was decided:" in found.text
    assert "reason" in wrong or "a &lt;long&gt; story" in found.text
    assert read_ledger(asked.ledger_uri) == before


def test_a_form_of_another_page_decides_nothing(open_desk, asked):
    client, before = open_desk(), read_ledger(asked.ledger_uri)
    assert client.post(f"/tasks/{TASK}/approve", data=form(client, csrf="0" * 64)).status_code == 403
    other = open_desk()  # a desk that was started anew
    assert other.post(f"/tasks/{TASK}/approve", data=form(client)).status_code == 403
    assert client.post(f"/tasks/{TASK}/crown", data=form(client)).status_code == 404
    assert client.post(f"/tasks/{TASK}/approve", data=form(client, reason="x" * 2_001)).status_code == 422
    assert read_ledger(asked.ledger_uri) == before


def test_of_two_who_approve_at_once_the_second_is_told(open_desk):
    client = open_desk()
    first, second = (client.post(f"/tasks/{TASK}/approve", data=sent) for sent in [form(client)] * 2)
    assert (first.status_code, second.status_code) == (303, 409)
    assert "is the champion already" in second.text


def test_a_name_in_a_header_counts_only_where_it_is_trusted(open_desk, asked):
    plain = open_desk()
    plain.post(f"/tasks/{TASK}/reject", data=form(plain), headers={"x-user": "Mallory"})
    assert read_ledger(asked.ledger_uri)[-1].by == "Bo"
    behind = open_desk(name_header="X-User")
    assert behind.get(f"/tasks/{TASK}").status_code == 401
    page = behind.get(f"/tasks/{TASK}", headers={"x-user": "Grace"})
    assert page.status_code == 200


def test_behind_a_proxy_the_typed_name_does_not_count(open_desk, asked):
    client = open_desk(name_header="X-User")
    named = {"x-user": "Grace"}
    shown = client.get(f"/tasks/{TASK}", headers=named).text
    assert "You decide as <b>Grace</b>" in shown
    csrf = re.search(r'name="csrf" value="(\w+)"', shown)[1]
    sent = {"csrf": csrf, "version": "2", "name": "Bo", "reason": "better"}
    assert client.post(f"/tasks/{TASK}/approve", data=sent, headers=named).status_code == 303
    assert read_ledger(asked.ledger_uri)[-1].by == "Grace"


def test_a_way_back_leads_where_the_page_said_or_nowhere(open_desk, asked):
    client = open_desk()
    client.post(f"/tasks/{TASK}/approve", data=form(client))
    sent = form(client, version="1", reason="complaints")
    first, second = (client.post(f"/tasks/{TASK}/rollback", data=sent) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 409)
    assert standing(asked.ledger_uri, TASK).champions == ("1",)
