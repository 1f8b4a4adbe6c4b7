"""A value that a JSON schema allows, for answers in a requested form."""

from typing import Any

_DEPTH = 16


def sample(schema: Any) -> Any:
    """The plainest value: required properties only, first alternatives, least sizes."""
    return _sample(schema, schema, 0)


def _sample(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEPTH:
        return {}
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if (instead := _instead(schema, root)) is not None:
        return _sample(instead, root, depth + 1)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {
            name: _sample(properties.get(name, {"type": "string"}), root, depth + 1)
            for name in schema.get("required", [])
        }
    if kind == "array":
        length = max(1, schema.get("minItems", 1))
        return [_sample(schema.get("items", {}), root, depth + 1)] * length
    return _scalar(kind, schema)


def _instead(schema: dict[str, Any], root: Any) -> Any:
    """The schema that this one refers to, or its first alternative."""
    if "$ref" in schema:
        return _resolved(schema["$ref"], root)
    words = ("anyOf", "oneOf", "allOf")
    return next((schema[word][0] for word in words if schema.get(word)), None)


def _scalar(kind: str, schema: dict[str, Any]) -> Any:
    if kind == "string":
        return "text".ljust(schema.get("minLength", 0), "t")
    if kind == "integer":
        return int(schema.get("minimum", 1))
    if kind == "number":
        return float(schema.get("minimum", 1))
    return {"boolean": True, "null": None}.get(kind)


def _resolved(reference: str, root: Any) -> Any:
    """`#/$defs/Name` inside the same schema."""
    found = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return found
