"""Send what waits in the outbox. Each message arrives at least once; its id tells receivers one that comes again."""

import smtplib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage

import requests
from standardwebhooks import Webhook as Signer

from common.errors import UserError
from promotion.ledger.outbox import Message, attempts, note, waiting
from promotion.notifications.settings import Mail, NotificationSettings, Webhook
from promotion.notifications.wording import sentence

PATIENCE = 10  # seconds for an answer: who decides waits for it
FIRST_PAUSE, LONGEST_PAUSE = 5, 6 * 3600  # seconds before a message is tried again; it grows fourfold each time
DAY = 86_400
TEST = "test"  # whoever asks for it wants to see it arrive
LONGEST_SUBJECT = 150  # characters


class NotificationError(UserError):
    """A notification that cannot be sent as things are. The message says what is missing."""


def send_waiting(
    ledger_uri: str, settings: NotificationSettings, environment: Mapping[str, str], now: float
) -> tuple[int, list[str]]:
    """Send every message that is due to every destination, oldest first.

    A destination that fails is left for now, with all that waits for it.

    Args:
        environment: where secrets are.
        now: seconds after 1970.

    Returns:
        how many arrived, and a sentence for each destination that failed.
    """
    arrived, failed = 0, []
    for place in settings.destinations:
        due = waiting(ledger_uri, place.destination, now - settings.give_up_after_days * DAY, now)
        wanted = [message for message in due if message.content["type"] in (*settings.events, TEST)]
        tried = attempts(ledger_uri, place.destination) if wanted else {}
        for message in wanted:
            attempt = tried.get(message.id, 0) + 1
            try:
                _send(message, place, environment, now)
            except (requests.RequestException, smtplib.SMTPException, OSError, NotificationError) as error:
                pause = min(FIRST_PAUSE * 4 ** (attempt - 1), LONGEST_PAUSE)
                note(ledger_uri, place.destination, message.id, attempt, now + pause)
                failed.append(f"{_name(place)} was not told ({error}); it is tried again in {pause} s or later")
                break
            note(ledger_uri, place.destination, message.id, attempt, None)
            arrived += 1
    return arrived, failed


def _send(message: Message, place: Webhook | Mail, environment: Mapping[str, str], now: float) -> None:
    if isinstance(place, Webhook):
        _post(message, place, environment, now)
    else:
        _mail(message, place, environment)


def _post(message: Message, place: Webhook, environment: Mapping[str, str], now: float) -> None:
    sent_at = datetime.fromtimestamp(now, UTC)
    secret = _secret(place.secret_in, environment)
    try:
        signature = Signer(secret).sign(message.id, sent_at, message.body)
    except Exception as error:  # whatever is wrong with it, each in a way of its own
        raise NotificationError(f"{place.secret_in} holds no secret of a webhook, whsec_ and base 64") from error
    answer = requests.post(
        place.url,
        data=message.body.encode(),
        headers={
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": signature,
        },
        timeout=PATIENCE,
        allow_redirects=False,  # what is signed goes where the settings say
    )
    if not answer.ok or answer.is_redirect:
        raise NotificationError(f"it answered {answer.status_code}")


def _mail(message: Message, place: Mail, environment: Mapping[str, str]) -> None:
    text = sentence(message.content)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = place.sender, ", ".join(place.to), f"<{message.id}@cpfd>"
    mail["Subject"] = text[:LONGEST_SUBJECT]
    mail["Date"] = datetime.fromtimestamp(message.at, UTC)
    mail.set_content(text)
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if place.encryption == "tls":
        server = smtplib.SMTP_SSL(place.host, place.port, timeout=PATIENCE, context=context)
    else:
        server = smtplib.SMTP(place.host, place.port, timeout=PATIENCE)
    with server:
        if place.encryption == "starttls":
            server.starttls(context=context)
        if place.user_in and place.password_in:
            server.login(_secret(place.user_in, environment), _secret(place.password_in, environment))
        server.send_message(mail)


def _secret(name: str, environment: Mapping[str, str]) -> str:
    if not environment.get(name):
        raise NotificationError(f"the environment variable {name} is not set")
    return environment[name]


def _name(place: Webhook | Mail) -> str:
    return place.url if isinstance(place, Webhook) else ", ".join(place.to)
