"""How much the fields of a request may hold, and how much may be wrong with them.

Only the first thing that is wrong is told. pydantic looks for all of them: of a list of
megabytes in which each item is wrong it would make gigabytes of errors.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

AUTO = "auto"


def null_is(value: Any) -> BeforeValidator:
    """`null` is what the field is where it is not there, as OpenAI takes it: clients
    send it for what is not set."""
    return BeforeValidator(lambda given: value if given is None else given)


ModelName = Annotated[str, null_is(AUTO)]
Flag = Annotated[bool, null_is(False)]
# OpenAI's bounds: what a request may cost at worst is reckoned with these.
NAnswers = Annotated[int | None, Field(ge=1, le=128)]
BestOf = Annotated[int | None, Field(ge=0, le=20)]

Texts = Annotated[list[str], Field(fail_fast=True)]
Objects = Annotated[list[dict[str, Any]], Field(fail_fast=True)]
# As Anthropic's. Each takes hundreds of bytes here, however little is in it.
MAX_MESSAGES = 100_000

_NAME_SHOWN = 64


def few_fields(model: type[BaseModel], given: Any) -> Any:
    """What is given, for a model that forbids other fields than its own: a million of
    them would be a million errors."""
    if isinstance(given, dict) and len(given) > len(model.model_fields):
        unknown = next(name for name in given if name not in model.model_fields)
        named = {"name": unknown[:_NAME_SHOWN]}
        raise PydanticCustomError("unknown", "there is no field {name}", named)
    return given
