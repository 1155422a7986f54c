"""A message of the outbox in a sentence."""

from typing import Any

SENTENCES = {
    "run.judged": "{task}: the student of run {run} {outcome}: {reason}",
    "run.failed": "{task}: run {run} failed: {reason}",
    "run.gave_way": "{task}: run {run} gave way: {reason}",
    "model.requested": "{task} version {version} asks to serve: {reason}",
    "model.approved": "{task} version {version} is the champion, approved by {by}: {reason}",
    "model.rejected": "{task} version {version} was rejected by {by}: {reason}",
    "model.rolled_back": "{task} went back to version {version}, by {by}: {reason}",
    "test": "Notifications of {task} arrive",
}


def sentence(content: dict[str, Any]) -> str:
    """What a message says, on one line."""
    return " ".join(SENTENCES[content["type"]].format(**content["data"]).split())
