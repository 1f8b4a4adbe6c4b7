"""A number of a configuration: YAML's `no` and `yes` are none."""

from pydantic import BeforeValidator


def _not_boolean(value: object) -> object:
    """`no` is false, which as a number would be a budget, or a price, of 0."""
    if isinstance(value, bool):
        raise ValueError("a number was expected, not true or false")
    return value


PLAIN_NUMBER = BeforeValidator(_not_boolean)
