"""YAML files that users write, checked by pydantic: a mistake is named with its file, line and key."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from common.errors import UserError

Model = TypeVar("Model", bound=BaseModel)
Values = dict[str, Any]


def read_settings(
    path: Path, model: type[Model], error: type[UserError], prepare: Callable[[Values], Values] = lambda values: values
) -> Model:
    """The file's settings. ``prepare`` may fill in what the file leaves out, before they are checked.

    Raises:
        error: the file is not YAML, repeats a key, or has a wrong key or value; the message names the line.
    """
    try:
        text = path.read_text()
        root, values = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as cause:
        raise error(f"{path.name} is not YAML: {cause}") from cause
    if not isinstance(root, yaml.MappingNode):
        raise error(f"{path.name} must map keys to values")
    if repeated := _repeated_key(root):
        raise error(f"{path.name}, line {repeated.start_mark.line + 1}: {repeated.value} is given twice")
    try:
        return model.model_validate(prepare(values))
    except ValidationError as cause:
        raise error("; ".join(_located(each, root, path.name) for each in cause.errors())) from cause


def merged(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> Values:
    """``values`` over ``defaults``, key by key and as deep as both map keys to values."""
    both = {**defaults, **values}
    for key in defaults.keys() & values.keys():
        if isinstance(defaults[key], Mapping) and isinstance(values[key], Mapping):
            both[key] = merged(defaults[key], values[key])
    return both


def _repeated_key(node: yaml.Node) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode):
        return next(filter(None, map(_repeated_key, node.value)), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            return key
        seen.add(key.value)
        if repeated := _repeated_key(value):
            return repeated
    return None


def _located(error: Any, root: yaml.Node, name: str) -> str:
    """A pydantic error as ``file, line n: key: what``, by following its location through the YAML.

    Parts of the location that the file does not have are passed over: pydantic also names the kinds of a union.
    """
    node, line, keys = root, root.start_mark.line, []
    for position, part in enumerate(error["loc"]):
        rest = error["loc"][position + 1 :]
        found = _child(node, part)
        if _is_kind(node, part) and (found is None or (rest and _child(found[1], rest[0]) is None)):
            continue
        if found is not None:
            line, node = found[0].start_mark.line, found[1]
        if found is not None or not rest:
            keys.append(str(part))
    message = "unknown key" if error["type"] == "extra_forbidden" else error["msg"]
    return ": ".join([f"{name}, line {line + 1}", *([".".join(keys)] if keys else []), message])


def _is_kind(node: yaml.Node, part: str | int) -> bool:
    """Whether ``part`` may be the kind of a union that the settings at this node chose: by ``name``, or as a string."""
    if isinstance(node, yaml.MappingNode):
        named = _child(node, "name")
        return named is not None and named[1].value == part
    return isinstance(node, yaml.ScalarNode) and node.value == part


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    return None
