"""The client behind ``cpfd classify``: one video, or its texts alone, in, the student's answer out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from common.errors import UserError
from serving.configuration import ServingError
from serving.server import Server


class RequestRefused(UserError):  # noqa: N818 - what happened to the request
    """The server refused the request; the message is its reason."""


@dataclass(frozen=True)
class Reply:
    """What TorchServe answered."""

    task: str
    version: str
    label: str
    scores: dict[str, float]


def classify(server: Server, task: str, video: bytes | None, title: str, overlay_text: str) -> Reply:
    """Ask ``task``'s student; one that does not read frames needs no video.

    Raises:
        ServingError: nobody answers, or the task is not served.
        RequestRefused: the video cannot be classified, with the reason.
    """
    if task not in server.tasks:
        raise ServingError(f"{task} is not served here: {', '.join(server.tasks) or 'no task'} is")
    reply = _post(server, task, video, title, overlay_text, server.keys["inference"]["key"])
    if reply.status_code == 400 and "token" in reply.text.lower():
        reply = _post(server, task, video, title, overlay_text, renew_token(server))
    if reply.status_code == 413:
        raise RequestRefused("the video is larger than the server accepts")
    try:
        answer = reply.json()
    except requests.JSONDecodeError as error:
        raise ServingError(f"the server answered {reply.status_code} without a reason") from error
    if not reply.ok:
        raise RequestRefused(str(answer.get("error") or answer.get("message") or answer))
    return Reply(**answer)


def renew_token(server: Server) -> str:
    """A new inference token: TorchServe's expire after an hour."""
    headers = {"Authorization": f"Bearer {server.keys['API']['key']}"}
    try:
        reply = requests.get(
            f"{server.management}/token",
            params={"type": "inference"},
            headers=headers,
            timeout=10,  # seconds: no student is asked, so that only a very busy machine needs more than one
        )
        reply.raise_for_status()
    except requests.RequestException as error:
        raise ServingError(f"the server does not renew its token: {error}") from error
    return server.keys["inference"]["key"]


def _post(
    server: Server, task: str, video: bytes | None, title: str, overlay_text: str, token: str
) -> requests.Response:
    fields: dict[str, Any] = {"title": (None, title), "overlay_text": (None, overlay_text)}
    if video is not None:
        fields["video"] = ("video", video, "application/octet-stream")
    try:
        return requests.post(
            f"{server.inference}/predictions/{task}",
            files=fields,
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,  # seconds: what TorchServe itself gives a student (responseTimeout in serving/archive.py)
        )
    except requests.RequestException as error:
        raise ServingError(f"the server at {server.inference} does not answer: start one with 'cpfd serve'") from error


def read_video(path: Path) -> bytes:
    """Raises RequestRefused if there is no such file, or nothing in it."""
    if not path.is_file():
        raise RequestRefused(f"there is no video at {path}")
    content = path.read_bytes()
    if not content:
        raise RequestRefused(f"{path} has zero bytes")
    return content
