"""What a task asks of a student before it may ask to serve. A task file composes it."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

CheckName = Literal[
    "positives",
    "least",
    "simple_peers",
    "baseline",
    "champion",
    "ranking",
    "slices",
    "calibration",
    "gap_closed",
    "recall_volume",
    "cost",
    "data",
]
# A required check must pass; what an advisory one finds is told, and left to the reviewer.
Level = Literal["required", "advisory", "off"]
# Strict, but for three. A student may be worth serving that closes little of a large gap; the recall volume is the
# paper's online measure, which few rows can tell; a warning of the data need not concern the student.
LEVELS: dict[CheckName, Level] = {"gap_closed": "advisory", "recall_volume": "advisory", "data": "advisory"}
# A refresh is the scheduled retraining of the champion's recipe on newer rows, a change is all else.
Policy = Literal["change", "refresh"]
NO_RECIPE = ("description", "gate", "seed", "validation", "corpus")  # settings that do not say how a student is made


class GateSettings(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Checks and their bounds. Differences are of metrics: 0.01 is one point.

    ``checks`` changes the level of single ones. ``approver``: who may approve a student that passed, ``another`` than
    whose run it was or ``anyone``.
    """

    checks: dict[CheckName, Level] = {}
    alpha: float = Field(0.05, gt=0, lt=0.5, description="share of equal models that may pass as better")
    margin: float = Field(0.01, gt=0, lt=1, description="a refresh may be this much worse than the champion")
    worthwhile: float = Field(0.005, ge=0, lt=1, description="half a point: less is not worth a change of model")
    least: float | None = Field(None, ge=-1, le=1, description="what judges, whatever the others have")
    # Of 50 positives F1 has a 95 % interval of about ten points: with fewer it says hardly anything.
    fewest_positives: int = Field(50, ge=1, description="evaluation rows of the rarest class")
    tolerance: float = Field(0.01, gt=0, lt=1, description="PR-AUC and the Brier score may be this much worse")
    slice_tolerance: float = Field(0.05, gt=0, lt=1, description="and what judges in a slice this much")
    fewest_slice_positives: int = Field(30, ge=1, description="a slice with fewer is not judged")
    least_gap_closed: float = Field(0.5, le=1, description="share of the gap between baseline and teacher")
    most_megabytes: float | None = Field(None, gt=0, description="of the student's weights")
    most_milliseconds: float | None = Field(None, gt=0, description="an answer may take, on the machine that judges")
    approver: Literal["anyone", "another"] = "anyone"

    @field_validator("checks", mode="before")
    @classmethod
    def _words(cls, levels: Any) -> Any:
        """YAML 1.1 reads the word off as false."""
        return {k: "off" if v is False else v for k, v in levels.items()} if isinstance(levels, Mapping) else levels

    def level(self, check: CheckName) -> Level:
        return self.checks.get(check, LEVELS.get(check, "required"))

    def alpha_of(self, look: int) -> float:
        """What the ``look``-th candidate judged on the same rows may spend: all looks together spend ``alpha``.

        The sum of 1/k^2 over all k is pi^2/6.
        """
        return self.alpha * 6 / (math.pi**2 * look**2)


def changed_settings(settings: Mapping[str, Any], champions: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What of a recipe is not as the champion's was: its value there and here, by dotted name."""
    ours, theirs = (_flat({k: v for k, v in each.items() if k not in NO_RECIPE}) for each in (settings, champions))
    names = sorted({*ours, *theirs})
    return {name: (theirs.get(name), ours.get(name)) for name in names if ours.get(name) != theirs.get(name)}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {prefix + key: value}
    return flat
