"""What MLflow, its database and its disk complain of, as sentences for the user. Imports nothing heavy."""

import errno
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from common.errors import UserError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
# What SQLite and MLflow say (lower case), and what it means for the place that a sentence names.
MEANINGS = {
    ("disk is full", "no space left", "file too large"): "the disk that holds {place} is full: make room and try again",
    ("disk i/o error",): "the disk that holds {place} is full or failing (disk I/O error): make room and try again",
    ("readonly database", "unable to open database"): "{place} cannot be opened and written: look at its permissions",
    ("database is locked",): "another process holds {place} for too long: try again when it has ended",
    (
        "malformed",
        "not a database",
        "no such table",
        "no such column",
        "already exists (background",
        "already exists\n",
        "out-of-date database schema",
        "locate revision",
    ): "{place} is damaged, or of another version of MLflow: {said}. Put a copy that you kept in its place; "
    "without one, move it away, and the next run starts a new one (versions and aliases in it are lost)",
    ("failed with exception", "connection refused", "max retries"): "{place} does not answer: look whether it runs",
    ("error code 401", "error code 403", "permission_denied", "unauthenticated"): "{place} refuses this: {said}",
}
SAID = 300  # characters of what a library said: its first sentence, not the statement that it ran


NOTHING_SECRET = (
    "must have no password in its URL: "  # noqa: S105 - a sentence
    "set PGPASSWORD, PGPASSFILE or MLFLOW_TRACKING_PASSWORD instead"
)


class RegistryError(UserError):
    """What is asked of the registry cannot be had. The message names the thing and the way out."""


def database_file(tracking_uri: str) -> Path | None:
    """The file of a SQLite tracking database; None for a server or another database."""
    return Path(tracking_uri.removeprefix("sqlite:///")) if tracking_uri.startswith("sqlite:///") else None


def database_error(database: Path, said: str) -> RegistryError:
    """The error for what SQLite said of a tracking database."""
    return RegistryError(describe(f"sqlite:///{database}", said))


def has_password(uri: str) -> bool:
    """Whether the URI of a database or server holds a password: steps get it as an argument, which others can see."""
    parts = urlsplit(uri)
    return bool(parts.password) or "password" in parse_qs(parts.query)


def without_secrets(uri: str) -> str:
    """A URI as a message may show it: no user, no password, no arguments."""
    return uri.rpartition("@")[2].partition("?")[0]


def describe(tracking_uri: str, said: str) -> str:
    """A sentence for what a library ``said`` of the tracking database or server."""
    lower = said.lower()
    place = _place(tracking_uri)
    for words, sentence in MEANINGS.items():
        if any(word in lower for word in words):
            return sentence.format(place=place, said=_first_line(said))
    return f"{place} fails: {_first_line(said)}"


def describe_os_error(tracking_uri: str, error: OSError) -> str | None:
    """A sentence for a full or protected disk; None for what is no user's doing."""
    place = error.filename2 or error.filename or _place(tracking_uri)
    if error.errno in FULL:
        return f"the disk that holds {place} is full: make room and try again"
    if error.errno in REFUSED:
        return f"{place} cannot be written: look at its permissions"
    return None


def _place(tracking_uri: str) -> str:
    database = database_file(tracking_uri)
    if database is not None:
        return f"the tracking database {database}"
    if tracking_uri.startswith(("http://", "https://")):
        return f"the tracking server at {without_secrets(tracking_uri)}"
    return f"the tracking database at {without_secrets(tracking_uri)}"


def _first_line(said: str) -> str:
    return said.split("\n")[0].split("(Background on")[0].strip().rstrip(".")[:SAID]
