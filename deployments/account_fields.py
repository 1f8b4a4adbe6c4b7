"""Types of the fields that tenants, their keys and cost tiers have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from deployments.plain_number import PLAIN_NUMBER

_MOST = 2**64 - 1  # what our JSON can hold of a whole number

# The same names make the same document.
Names = Annotated[
    frozenset[str], PlainSerializer(sorted, return_type=list[str], when_used="json")
]

Alpha = Annotated[float, Field(ge=0, le=1), PLAIN_NUMBER]
Price = Annotated[float, Field(ge=0), PLAIN_NUMBER]
Usd = Annotated[float, Field(ge=0, le=1e9), PLAIN_NUMBER]
Limit = Annotated[int, Field(ge=1, le=_MOST), PLAIN_NUMBER]


class Frozen(BaseModel):
    """Once it is read it is what it is, and nothing stands in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
