"""The TorchServe handler: a thin shim that parses requests and hands them to the predictor.

A request is multipart (fields ``video``, ``title``, ``overlay_text``), JSON (the same, ``video`` in base64), or
a video as the whole body. A student that does not read frames needs no video, and ignores one. Anything else, a
privileged feature above all, is refused: a served student reads raw input only. A request that is refused never
spoils the others of its batch.
"""

import base64
import binascii
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from common.errors import UserError
from models.settings import MODALITIES
from serving.predictor import MediaError, Predictor, RawInput, read_serving_settings

FIELDS = {"video", "title", "overlay_text"}
SEND = "send a video, as multipart fields, as JSON with base64, or as the whole body"
# Characters. No title is so long: something else was sent by mistake, and the sender should learn of it. Shorter texts
# are silently cut to what a student reads (models/data/text.py).
LONGEST_TEXT = 200_000
log = logging.getLogger(__name__)


class RequestError(UserError):
    """A request that cannot be answered, in a sentence for the caller."""


class StudentHandler:
    """What TorchServe calls: ``initialize`` once a worker, ``handle`` once a batch."""

    def initialize(self, context: Any) -> None:
        settings = (getattr(context, "model_yaml_config", None) or {}).get("handler", {})
        torch.set_num_threads(int(settings.get("threads", 1)))
        folder = Path(context.system_properties["model_dir"])
        serving = read_serving_settings(folder)
        self.task, self.version = serving["task"], serving["version"]
        self.predictor = Predictor.load(folder, serving["threshold"])
        log.info("serving %s version %s", self.task, self.version)

    def handle(self, requests: list[dict[str, Any]], context: Any) -> list[dict[str, Any]]:
        replies: list[dict[str, Any]] = [{} for _ in requests]
        good = []
        for index, request in enumerate(requests):
            try:
                raw = parse(request, self.predictor.modalities)
                good.append((index, raw, self.predictor.clip(raw)))
            except (RequestError, MediaError) as error:
                context.set_response_status(code=400, idx=index)
                replies[index] = {"error": str(error)}
            except Exception:
                log.exception("a request could not be read")
                context.set_response_status(code=500, idx=index)
                replies[index] = {"error": "the request could not be read; the server's log says why"}
        if good:
            answers = self.predictor.answer([clip for _, _, clip in good], [raw for _, raw, _ in good])
            for (index, _, _), answer in zip(good, answers, strict=True):
                replies[index] = {
                    "task": self.task, "version": self.version, "label": answer.label, "scores": answer.scores
                }  # fmt: skip
        return replies


def parse(request: dict[str, Any], modalities: Sequence[str] = MODALITIES) -> RawInput:
    """The raw input of one request to a student of these modalities. Raises RequestError with what is wrong."""
    body = request.get("body", request.get("data"))
    if isinstance(body, dict):
        fields, to_bytes = body, _from_base64
    elif isinstance(body, bytes | bytearray):
        fields, to_bytes = {"video": body}, _bytes
    elif body is None:
        fields, to_bytes = {name: value for name, value in request.items() if name not in ("body", "data")}, _bytes
    else:
        raise RequestError(SEND)
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise RequestError(f"unknown field(s) {', '.join(unknown)}: only video, title and overlay_text are read")
    video = None
    if "frames" in modalities:
        if fields.get("video") is None:
            raise RequestError(f"this student reads frames, and no video was sent: {SEND}")
        video = to_bytes(fields["video"])
    elif not set(fields) & set(modalities):
        raise RequestError(f"nothing was sent that this student reads: send {' or '.join(modalities)}")
    return RawInput(video, _text(fields, "title"), _text(fields, "overlay_text"))


def _from_base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise RequestError("'video' must be a base64 string")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise RequestError("'video' is not base64") from error


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | bytearray) else str(value).encode()


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", errors="replace")
    if not isinstance(value, str):
        raise RequestError(f"'{name}' must be text")
    if len(value) > LONGEST_TEXT:
        raise RequestError(f"'{name}' has {len(value)} characters, more than {LONGEST_TEXT}")
    return value
