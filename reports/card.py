"""The model card: what a model is for, what it was made of and how well it does, for whoever meets it later."""

import json
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from common.errors import UserError
from models.evaluation.judging import Evaluation
from models.evaluation.metrics import titles
from promotion.gate.verdict import Verdict
from reports.rendering import render


class CardError(UserError):
    """A field that a model card must have is empty. The message names it."""


class CardFields(BaseModel, frozen=True, extra="forbid", str_strip_whitespace=True):
    """What no card may lack: a reader a year later can ask nobody."""

    task: str = Field(min_length=1)
    description: str = Field(min_length=1)
    classes: tuple[str, ...] = Field(min_length=2)
    modalities: tuple[str, ...] = Field(min_length=1)
    corpus: str = Field(min_length=1)
    corpus_description: str = Field(min_length=1)
    window_start: str = Field(min_length=1)
    window_end: str = Field(min_length=1)
    snapshot: str = Field(min_length=1)
    code_version: str = Field(min_length=1)


def model_card(facts: dict[str, Any], settings: dict[str, Any], evaluation: Evaluation, verdict: Verdict) -> str:
    """Markdown, filled from a run.

    Raises:
        CardError: a required field is empty.
    """
    corpus = facts["corpus"]
    given = {name: facts[name] for name in ("window_start", "window_end", "snapshot", "code_version")}
    given |= {name: settings[name] for name in ("task", "description", "classes", "modalities")}
    try:
        fields = CardFields(**given, corpus=corpus["name"], corpus_description=corpus["description"])
    except ValidationError as error:
        names = ", ".join(str(each["loc"][0]) for each in error.errors())
        told = f"the model card lacks {names}: the task file and corpus.json say what a model is for"
        raise CardError(told) from error
    return render(
        "model_card.md",
        **fields.model_dump(),
        simulated=corpus["simulated"],
        seed=facts["seed"],
        videos=facts["videos"],
        features=settings["features"],
        settings=json.dumps(settings, indent=1),
        evaluation=evaluation,
        titles=titles(evaluation.judge),
        verdict=verdict,
        slices=[part for check in verdict.checks for part in check.parts],
    )
