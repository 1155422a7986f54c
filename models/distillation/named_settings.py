"""Kinds that settings choose by a name: a string is the name alone, and a mapping brings a kind's own settings."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, BeforeValidator

Kind = TypeVar("Kind", bound=BaseModel)


def by_name(kinds: Iterable[type[Kind]]) -> dict[str, type[Kind]]:
    """The kinds by the one value that their field ``name`` can have."""
    return {kind.model_fields["name"].default: kind for kind in kinds}


def chosen(what: str, kinds: Mapping[str, type[BaseModel]]) -> BeforeValidator:
    """Takes a name for the settings of that name; refuses a name that there is not with those that there are."""

    def settings(given: Any) -> Any:
        values = {"name": given} if isinstance(given, str) else given
        if isinstance(values, dict) and values.get("name") not in kinds:
            listed = ", ".join(kinds)
            if "name" not in values:
                raise ValueError(f"a {what} needs its name: there are {listed}")
            raise ValueError(f"there is no {what} {values['name']}: there are {listed}")
        return values

    return BeforeValidator(settings)


def changed_kind(own: BaseModel, changes: str | Mapping[str, Any], kinds: Mapping[str, type[Kind]]) -> Kind:
    """``own`` with ``changes``, which may be the name of another kind.

    What is not at its default and both kinds can be given stays as it is.
    """
    values = {"name": changes} if isinstance(changes, str) else dict(changes)
    former, fields = own.model_dump(), type(own).model_fields
    kind = kinds[values.get("name", former["name"])]
    changed = {name: value for name, value in former.items() if getattr(own, name) != fields[name].default}
    kept = {name: value for name, value in changed.items() if name in kind.model_fields}
    return kind.model_validate({"name": former["name"], **kept, **values})
