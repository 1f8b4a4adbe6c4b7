"""Values that a JSON schema allows."""

from typing import Any

import pytest

from deployments.backends.schema_sample import sample

SKY = {"enum": ["clear", "grey"]}
TEXT = {"type": "string"}
BOTH = {"a": SKY, "b": SKY}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        (True, {}),
        (None, {}),
        ({"const": 7}, 7),
        (SKY, "clear"),
        ({"type": ["null", "string"]}, None),
        ({"type": "boolean"}, True),
        (TEXT, "text"),
        ({**TEXT, "minLength": 6}, "texttt"),
        ({**TEXT, "maxLength": 2}, "te"),
        ({**TEXT, "format": "date"}, "2025-01-01"),
        ({**TEXT, "format": "of my own"}, "text"),
        ({"anyOf": [TEXT, {"type": "null"}]}, "text"),
        ({"oneOf": [{"type": "null"}, TEXT]}, None),
    ],
)
def test_the_plainest_value(schema, value):
    assert sample(schema) == value


@pytest.mark.parametrize(
    ("bounds", "value"),
    [
        ({}, 1),
        ({"minimum": 3}, 3),
        ({"exclusiveMinimum": 3}, 4),
        ({"maximum": -2.5}, -3),
        ({"minimum": 11, "multipleOf": 5}, 15),
        ({"exclusiveMinimum": 0.5, "maximum": 0.75, "multipleOf": 0.25}, 0.75),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
    ],
)
def test_numbers_keep_their_bounds(bounds, value):
    kind = "integer" if isinstance(value, int) else "number"

    found = sample({"type": kind, **bounds})

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "array", "items": SKY}, ["clear"]),
        ({"items": SKY, "minItems": 2}, ["clear", "clear"]),
        ({"type": "array", "items": SKY, "maxItems": 0}, []),
        ({"type": "array", "prefixItems": [SKY, TEXT]}, ["clear", "text"]),
        ({"properties": BOTH, "required": ["b"]}, {"b": "clear"}),
        ({"properties": BOTH}, {"a": "clear", "b": "clear"}),
        ({"required": ["a"]}, {"a": "text"}),
        (
            {"properties": BOTH, "required": ["a"], "anyOf": [{"required": ["b"]}]},
            {"a": "clear", "b": "clear"},
        ),
        (
            {
                "allOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
                "$defs": {
                    "A": {"properties": {"a": SKY}, "required": ["a"]},
                    "B": {"properties": {"b": TEXT}, "required": ["b"]},
                },
            },
            {"a": "clear", "b": "text"},
        ),
    ],
)
def test_what_holds_others(schema, value):
    assert sample(schema) == value


def test_a_schema_that_holds_itself_comes_to_an_end():
    children = {"type": "array", "items": {"$ref": "#"}}
    tree = {"properties": {"children": children}, "required": ["children"]}
    following = {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}
    node = {"properties": {"next": following}, "required": ["next"]}

    assert sample(tree) == {"children": [{"children": []}]}
    chain = {"$ref": "#/$defs/Node", "$defs": {"Node": node}}
    assert sample(chain) == {"next": None}


def nested(levels: int, *names: str) -> dict[str, Any]:
    """Each of `levels` schemas holds the next under each of `names`."""
    return {
        "$ref": "#/$defs/0",
        "$defs": {
            str(level): {
                "properties": {key: {"$ref": f"#/$defs/{level + 1}"} for key in names}
            }
            for level in range(levels)
        }
        | {str(levels): TEXT},
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/none"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "number", "multipleOf": 0},
        {"type": "array", "minItems": 10**12},
        {"type": "string", "minLength": 10**12},
        {"properties": 5},
        {"enum": 5},
        {"anyOf": 5},
        nested(30, "x", "y"),
        nested(5000, "x"),
    ],
)
def test_a_schema_without_a_value_of_a_usual_size_is_refused(schema):
    with pytest.raises(ValueError, match="no plain value"):
        sample(schema)
