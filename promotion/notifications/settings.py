"""Who is told of what. Secrets are named by the environment variable that holds them; no file has one."""

import hashlib
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator

Event = Literal["run.judged", "run.failed", "model.requested", "model.approved", "model.rejected", "model.rolled_back"]


class Webhook(BaseModel, frozen=True, extra="forbid"):
    """A URL that is sent JSON, signed after the Standard Webhooks convention (standardwebhooks.com).

    ``secret_in`` is the environment variable that holds the secret: whsec_ and base 64.
    """

    url: str
    secret_in: str = Field(min_length=1)

    @field_validator("url")
    @classmethod
    def _private(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ValueError("has a user or a password in it: leave them out, what is sent is signed")
        if parts.scheme != "https" and not (parts.scheme == "http" and _of_this_machine(parts.hostname or "")):
            raise ValueError("must begin with https:// (http:// to this machine alone)")
        return url

    @property
    def destination(self) -> str:
        return _digest(self.url)


class Mail(BaseModel, frozen=True, extra="forbid"):
    """An SMTP server, and whom to write. Without ``user_in`` nobody logs in."""

    host: str
    port: int = Field(587, ge=1, le=65535)  # of submission (RFC 6409)
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    sender: str
    to: tuple[str, ...] = Field(min_length=1)
    user_in: str | None = None
    password_in: str | None = None

    @model_validator(mode="after")
    def _private(self) -> Self:
        if self.encryption == "none" and not _of_this_machine(self.host):
            raise ValueError("encryption may be none only to this machine")
        if (self.user_in is None) != (self.password_in is None):
            raise ValueError("user_in and password_in go together")
        return self

    @property
    def destination(self) -> str:
        return _digest(f"{self.host}:{self.port} {' '.join(self.to)}")


class NotificationSettings(BaseModel, frozen=True, extra="forbid"):
    """notifications.yaml of a workspace. ``events`` are those that are told, by default all."""

    webhooks: tuple[Webhook, ...] = ()
    mail: Mail | None = None
    events: tuple[Event, ...] = Event.__args__  # type: ignore[attr-defined]
    give_up_after_days: float = Field(3, gt=0, description="what is older is not sent any more")

    @property
    def destinations(self) -> tuple[Webhook | Mail, ...]:
        return (*self.webhooks, *([self.mail] if self.mail else []))


def _of_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _digest(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()
