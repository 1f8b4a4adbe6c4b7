"""Origins of web pages, as browsers state them."""

import re
from typing import Annotated

from pydantic import AfterValidator

ANY_ORIGIN = "*"
# In small letters, and without a path: another spelling would never be met.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#*A-Z]+")


def _origin(stated: str) -> str:
    if stated != ANY_ORIGIN and not _ORIGIN.fullmatch(stated):
        raise ValueError("scheme://host, with the port if there is one, or * for all")
    return stated


Origin = Annotated[str, AfterValidator(_origin)]
