"""Who is told what: by a real HTTP and a real mail server; signed, once, and again where it did not arrive."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from processes import free_port
from pydantic import ValidationError
from run_records import TASK, nominated
from standardwebhooks import Webhook as Verifier

from promotion.ledger.outbox import post
from promotion.notifications.sending import DAY, FIRST_PAUSE, send_waiting
from promotion.notifications.settings import Mail, NotificationSettings, Webhook
from promotion.review import Office, approve, reject, rollback

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ENVIRONMENT = {"HOOK": SECRET}
MAIL = {"host": "example.org", "sender": "a@b", "to": ["c@d"]}


class Receiver:
    """A web server that keeps what it is sent and answers ``status``."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.status)
                if receiver.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def told(self) -> list[dict[str, Any]]:
        """What it was sent, each proven to be from who has the secret."""
        return [Verifier(SECRET).verify(body, headers) for headers, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def hook(url: str) -> Webhook:
    return Webhook.model_validate({"url": url, "secret_in": "HOOK"})


@pytest.fixture
def settings(receiver) -> NotificationSettings:
    return NotificationSettings(webhooks=(hook(receiver.url),))


@pytest.fixture
def decided(office, tmp_path) -> Office:
    """Version 1 was rolled back to after version 3; version 2 was rejected."""
    for number, content in enumerate(("first", "second", "third"), start=1):
        nominated(office.tracking_uri, office.ledger_uri, tmp_path, content, content, seed=number)
        if number == 2:
            reject(office, TASK, "2", "Ada", "odd\ntexts")
        else:
            approve(office, TASK, str(number), "Ada", "better")
    rollback(office, TASK, "Bo", "complaints")
    return office


def now() -> float:
    return time.time()


def moment() -> datetime:
    return datetime.now(UTC)


def test_every_decision_is_told_once_and_in_order(decided, settings, receiver):
    assert send_waiting(decided.ledger_uri, settings, ENVIRONMENT, now()) == (7, [])
    asked = "model.requested"
    assert [each["type"] for each in receiver.told] == [
        asked, "model.approved", asked, "model.rejected", asked, "model.approved", "model.rolled_back"
    ]  # fmt: skip
    last = receiver.told[-1]["data"]
    assert (last["task"], last["version"], last["by"], last["reason"]) == (TASK, "1", "Bo", "complaints")
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 7
    assert send_waiting(decided.ledger_uri, settings, ENVIRONMENT, now()) == (0, [])


@pytest.mark.parametrize("status", [500, 302])
def test_what_was_not_taken_is_sent_again_later_under_the_same_id(office, settings, receiver, status):
    post(office.ledger_uri, "run.failed", {"task": TASK, "run": "r1", "reason": "no rows"})
    post(office.ledger_uri, "run.failed", {"task": TASK, "run": "r2", "reason": "no rows"})
    receiver.status, at = status, now()
    arrived, failed = send_waiting(office.ledger_uri, settings, ENVIRONMENT, at)
    assert (arrived, len(receiver.got)) == (0, 1)
    assert failed == [f"{receiver.url} was not told (it answered {status}); it is tried again in 5 s or later"]
    receiver.status = 200
    # The first waits for its time; the second was not tried, and goes now.
    assert send_waiting(office.ledger_uri, settings, ENVIRONMENT, at + 1) == (1, [])
    assert send_waiting(office.ledger_uri, settings, ENVIRONMENT, at + FIRST_PAUSE + 1) == (1, [])
    first, second, again = (headers["webhook-id"] for headers, _ in receiver.got)
    assert first == again != second


def test_pauses_grow_and_old_messages_are_given_up(office, settings, receiver):
    post(office.ledger_uri, "test", {"task": TASK})
    receiver.status, at = 503, now()
    for pause in (5, 20, 80, 320):
        _, failed = send_waiting(office.ledger_uri, settings, ENVIRONMENT, at)
        assert f"again in {pause} s" in failed[0]
        at += pause
    assert send_waiting(office.ledger_uri, settings, ENVIRONMENT, at + 4 * DAY) == (0, [])
    assert len(receiver.got) == 4


def test_one_place_that_is_down_does_not_stop_another(office, settings, receiver):
    post(office.ledger_uri, "test", {"task": TASK})
    down = hook("http://127.0.0.1:1/")
    both = settings.model_copy(update={"webhooks": (down, *settings.webhooks)})
    arrived, failed = send_waiting(office.ledger_uri, both, ENVIRONMENT, now())
    assert (arrived, len(failed)) == (1, 1)
    assert "127.0.0.1:1/ was not told" in failed[0]


@pytest.mark.parametrize(("secret", "told"), [("", "HOOK is not set"), ("whsec_", "holds no secret"), ("ä", "holds")])
def test_a_secret_that_is_missing_is_said_and_nothing_is_sent(office, settings, receiver, secret, told):
    post(office.ledger_uri, "test", {"task": TASK})
    _, failed = send_waiting(office.ledger_uri, settings, {"HOOK": secret}, now())
    assert told in failed[0]
    assert receiver.got == []


def test_only_the_events_that_are_asked_for_are_told(decided, settings, receiver):
    few = settings.model_copy(update={"events": ("model.approved",)})
    assert send_waiting(decided.ledger_uri, few, ENVIRONMENT, now()) == (2, [])
    assert {each["type"] for each in receiver.told} == {"model.approved"}


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's interface
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def test_a_mail_says_it_in_a_sentence_and_no_text_makes_a_header(decided):
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        place = Mail(
            host="127.0.0.1", port=server.port, encryption="none", sender="cpfd@example.org", to=("a@example.org",)
        )
        assert send_waiting(decided.ledger_uri, NotificationSettings(mail=place), {}, now()) == (7, [])
    finally:
        server.stop()
    rejected = mailbox.mails[3]
    assert rejected["Subject"] == f"{TASK} version 2 was rejected by Ada: odd texts"
    assert (rejected["To"], rejected["From"]) == ("a@example.org", "cpfd@example.org")
    assert rejected.get_content().strip() == rejected["Subject"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"webhooks": [{"url": "http://example.org/", "secret_in": "HOOK"}]}, "must begin with https://"),
        ({"webhooks": [{"url": "https://ada:x@example.org/", "secret_in": "HOOK"}]}, "has a user or a password"),
        ({"webhooks": [{"url": "https://example.org/", "secret": SECRET}]}, "Extra inputs"),
        ({"mail": {**MAIL, "encryption": "none"}}, "only to this machine"),
        ({"mail": {**MAIL, "user_in": "USER"}}, "go together"),
        ({"events": ["model.crowned"]}, "Input should be"),
    ],
)  # fmt: skip
def test_settings_that_would_leak_or_mean_nothing_are_refused(wrong, told):
    with pytest.raises(ValidationError, match=told):
        NotificationSettings.model_validate_json(json.dumps(wrong))
