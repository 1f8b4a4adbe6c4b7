"""A value that a JSON schema allows, for answers in a form and calls of functions."""

from collections.abc import Iterable
from contextlib import suppress
from math import inf
from typing import Any

from deployments.backends.schema_number import number

# Values, and characters that a least length asks for: a schema of one line may want
# more than fits into memory.
_MOST = 10_000
_FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "text@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_Schema = dict[str, Any]
_Path = frozenset[str]


def sample(schema: Any) -> Any:
    """The plainest value: required properties only (all, where none is required), first
    alternatives, least sizes.

    `pattern`, `not`, `uniqueItems` and conditions are not read. ValueError where no
    value of a usual size fits, or `schema` is none.
    """
    try:
        return _Sampler(schema).value(schema, frozenset())
    except _UNREADABLE as error:
        raise ValueError("no plain value fits this JSON schema") from error


class _NoValue(Exception):
    """Nothing fits, or nothing that comes to an end: the schema holds itself."""


# What a schema that is none does to those who read it is one of these.
_UNREADABLE = (
    _NoValue,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class _Sampler:
    """Makes values of the schemas in one, to which their references refer."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _MOST

    def value(self, schema: Any, path: _Path) -> Any:
        """`path`: the references that lead here. None is followed in itself: the
        plainest value never needs that."""
        self._take(1)
        schema, path = self._followed(schema, path)
        if not isinstance(schema, dict):  # true: whatever one likes
            return {}
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        if schema.get("allOf"):
            return self._of_all(schema, path)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            rest = _without(schema, "anyOf", "oneOf")
            return self._of_first((_both(rest, choice) for choice in choices), path)
        return self._of_kind(schema, path)

    def _take(self, n: int) -> None:
        self._left -= n
        if self._left < 0:
            raise ValueError("the value would be too large")

    def _followed(self, schema: Any, path: _Path) -> tuple[Any, _Path]:
        """With what it refers to in the place of the reference."""
        while isinstance(schema, dict) and "$ref" in schema:
            reference = schema["$ref"]
            if reference in path:
                raise _NoValue
            path |= {reference}
            schema = _both(_without(schema, "$ref"), self._at(reference))
        return schema, path

    def _at(self, reference: str) -> Any:
        """`#/$defs/Name` inside the root."""
        found = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found[int(name) if isinstance(found, list) else name]
        return found

    def _of_all(self, schema: _Schema, path: _Path) -> Any:
        whole = _without(schema, "allOf")
        for part, inside in [self._followed(one, path) for one in schema["allOf"]]:
            whole, path = _both(whole, part), path | inside
        return self.value(whole, path)

    def _of_first(self, schemas: Iterable[_Schema], path: _Path) -> Any:
        """Of the first that has a value."""
        for schema in schemas:
            with suppress(_NoValue):
                return self.value(schema, path)
        raise _NoValue

    def _of_kind(self, schema: _Schema, path: _Path) -> Any:
        kind = schema.get("type", "array" if "items" in schema else "object")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            return self._object(schema, path)
        if kind == "array":
            return self._array(schema, path)
        if kind == "string":
            return self._text(schema)
        if kind in ("integer", "number"):
            found = number(schema, whole=kind == "integer")
            if found is None:
                raise _NoValue
            return found
        return True if kind == "boolean" else None

    def _object(self, schema: _Schema, path: _Path) -> _Schema:
        properties = schema.get("properties", {})
        required = schema.get("required") or ()
        found: _Schema = {}
        for name in required or properties:
            try:
                told = properties.get(name, {"type": "string"})
                found[name] = self.value(told, path)
            except _NoValue:
                if name in required:
                    raise
        return found

    def _array(self, schema: _Schema, path: _Path) -> list[Any]:
        first, rest = schema.get("prefixItems", []), schema.get("items", {})
        least = schema.get("minItems", 0)
        n = min(max(least, len(first), 1), schema.get("maxItems", inf))
        try:
            return [
                self.value(first[i] if i < len(first) else rest, path) for i in range(n)
            ]
        except _NoValue:
            if least > 0:
                raise
            return []

    def _text(self, schema: _Schema) -> str:
        least = max(0, schema.get("minLength", 0))
        self._take(least)
        text = _FORMATS.get(schema.get("format", ""), "text")
        return text.ljust(least, "t")[: schema.get("maxLength")]


def _without(schema: _Schema, *words: str) -> _Schema:
    return {word: told for word, told in schema.items() if word not in words}


def _both(one: _Schema, other: Any) -> _Schema:
    """A schema for what fits both, where they do not contradict each other."""
    if not isinstance(other, dict):  # true: whatever one likes
        return one
    both = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        both["required"] = [*one["required"], *other["required"]]
    return both
