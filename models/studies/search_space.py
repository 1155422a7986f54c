"""What a tuning searches: settings of a recipe by their path in the task file, and between which values.

To add a setting, write its line in SETTINGS: a task that has it is searched over it. Only what changes the student, not
the data or the teachers' part of ``distillation``, belongs here: teachers are trained once, with the task's settings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from models.distillation.mappings import MAPPINGS
from models.distillation.named_settings import changed_kind
from models.training.settings import Recipe

DIGITS = 3  # of a number that is drawn: more of them say nothing, and read badly in a task file
# From PFD's alpha to the paper's highest: labels of a few votes are wrong more often than a teacher of privileged ones.
TRUSTING, TRUST = "mostly the teacher", {"alpha_min": 0.5, "alpha_max": 0.9}


@dataclass(frozen=True)
class Numbers:
    """From ``low`` to ``high``, both included; ``whole`` ones, or evenly on a logarithmic scale."""

    low: float
    high: float
    logarithmic: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Kinds:
    """What a task file says of each kind, by its name; the task's own kind is the first."""

    values: dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """A line of the table: ``around`` gives what is searched around the task's own value.

    A setting that the task does not have, or leaves empty, is not searched, nor one in whose place another stands:
    ``unless`` that is left empty.
    """

    path: str
    around: Callable[[Any], Numbers | Kinds]
    unless: str = ""


@dataclass(frozen=True)
class Searched:
    """A setting of one task: ``own`` is its value, of kinds the name."""

    path: str
    own: Any
    among: Numbers | Kinds

    def written(self, drawn: Any) -> Any:
        """What a task file says for a value that was drawn: the whole kind for its name, a number rounded."""
        if isinstance(self.among, Kinds):
            return self.among.values[drawn]
        if self.among.whole or drawn == self.own:
            return drawn
        return min(max(float(f"{drawn:.{DIGITS}g}"), self.among.low), self.among.high)


def _tenfold(own: float) -> Numbers:
    """Both ways: a good rate of this network with other data or sizes has been within that."""
    return Numbers(own / 10, own * 10, logarithmic=True)


def _half_to_double(own: int) -> Numbers:
    return Numbers(max(1, own // 2), 2 * own, whole=True)


def _up_to(most: float) -> Callable[[float], Numbers]:
    return lambda own: Numbers(0.0, max(most, own))


def _temperatures(own: float) -> Numbers:
    """Those of the paper's table 7, and up to the highest that Hinton et al. 2015 found good for small students."""
    return Numbers(min(0.5, own), max(4.0, own), logarithmic=True)


def _mappings(own: Mapping[str, Any]) -> Kinds:
    """The task's own mapping, and the others with what both can be given; tanh fitted is the negative sigmoid.

    Those with bounds of alpha also between bounds at which the teacher outweighs labels that are often wrong.
    """
    before = MAPPINGS[own["name"]].model_validate(own)
    names = [before.name, *(name for name in MAPPINGS if name not in (before.name, "tanh"))]
    kinds = {name: changed_kind(before, name, MAPPINGS).model_dump(exclude_none=True) for name in names}
    trusting = {f"{name}, {TRUSTING}": {**each, **TRUST} for name, each in kinds.items() if "alpha_min" in each}
    return Kinds(kinds | trusting)


SETTINGS = (
    Setting("training.learning_rate", _tenfold),
    Setting("training.epochs", _half_to_double, unless="distillation.student_epochs"),
    Setting("distillation.student_epochs", _half_to_double),
    Setting("training.weight_decay", _up_to(0.1)),
    Setting("network.dropout", _up_to(0.3)),
    Setting("network.wide.least_texts", lambda own: Numbers(1, max(5, own), whole=True)),
    Setting("distillation.method.temperature", _temperatures),
    Setting("distillation.method.alpha", lambda _: Numbers(0.0, 1.0)),
    Setting("distillation.method.mapping", _mappings),
)


def search_space(settings: Recipe) -> list[Searched]:
    """What there is to search for a task, each with the task's own value."""
    wide = None if settings.wide is None else settings.wide.model_dump(mode="json")
    values = with_values(settings.model_dump(mode="json"), {"network.wide": wide})
    found = []
    for each in SETTINGS:
        own = _value(values, each.path)
        if own is None or (each.unless and _value(values, each.unless) is not None):
            continue
        among = each.around(own)
        found.append(Searched(each.path, next(iter(among.values)) if isinstance(among, Kinds) else own, among))
    return found


def with_values(values: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` of a recipe or of a task file, with those that were ``chosen`` by their path."""
    changed = dict(values)
    for path, value in chosen.items():
        *folders, key = path.split(".")
        place = changed
        for folder in folders:
            below = place.get(folder) or {}
            place[folder] = {"name": below} if isinstance(below, str) else dict(below)  # a kind by its name alone
            place = place[folder]
        place[key] = value
    return changed


def tried(settings: Recipe, chosen: Mapping[str, Any]) -> Recipe:
    """The recipe with what was chosen, checked as if it had been written in the task file."""
    return Recipe.model_validate(with_values(settings.model_dump(mode="json"), chosen))


class Tuned(BaseModel, frozen=True, extra="forbid"):
    """What a tuning came to: the value is the mean of ``metric`` over ``folds`` held-out folds.

    The task's own ``settings`` are those of trial 1; ``best`` are those of the trial with the highest value.
    """

    study: str
    metric: str
    folds: int
    trials: int
    pruned: int
    own: dict[str, Any]
    own_value: float
    best: dict[str, Any]
    best_value: float
    best_trial: int


def _value(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
