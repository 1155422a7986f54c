"""What an API server would say of an object: Kubernetes' own schemas and those of custom resources, both strict."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

# Kinds of the Prometheus operator, whose schema is not at hand: tests/deploy parses their rules instead.
WITHOUT_SCHEMA = {"PodMonitor", "PrometheusRule"}


def refused(manifest: dict[str, Any], schemas: Path) -> str:
    """Why an API server would not take it, '' if it would. Keys that it does not know are refused."""
    kind, version = manifest["kind"], manifest["apiVersion"]
    custom = _custom(schemas).get((kind, version))
    try:
        if custom is not None:
            jsonschema.Draft202012Validator(custom).validate(manifest)
        elif kind not in WITHOUT_SCHEMA:
            kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return f"{kind}: {error.message}"
    return ""


@cache
def _custom(schemas: Path) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for file in schemas.glob("*/*.yaml.gz"):
        with gzip.open(file) as unpacked:
            for definition in filter(None, yaml.safe_load_all(unpacked)):
                spec = definition["spec"]
                for version in spec["versions"]:
                    schema = _strict(version["schema"]["openAPIV3Schema"])
                    schema["properties"]["metadata"] = {"type": "object"}  # the server's own
                    found[spec["names"]["kind"], f"{spec['group']}/{version['name']}"] = schema
    return found


def _strict(schema: Any) -> Any:
    """The schema with unknown keys refused, where the server would silently drop them."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    changed = {key: _strict(value) for key, value in schema.items() if key != "default"}
    free = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not free:
        changed["additionalProperties"] = False
    return changed
