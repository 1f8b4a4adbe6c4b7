"""Who asks: tenants' keys, from a file that names environment variables.

- {tenant: acme, env: ACME_KEY, weight: 3, models: [auto, "auto:economy"]}
"""

import os
import random
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from artifacts.errors import first_of

DEFAULT_ENV = "AVENGERS_KEY"


class KeyFileError(Exception):
    """The file of keys cannot be used; one line says why."""


class Caller(BaseModel):
    """One key; the key itself stays in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str
    env: str = Field(description="environment variable with the key")
    weight: float = Field(default=1.0, gt=0, description="share of the requests")
    models: tuple[str, ...] = Field(default=("auto",), min_length=1)

    @property
    def key(self) -> str:
        """KeyFileError if it is not set."""
        if not (key := os.environ.get(self.env)):
            raise KeyFileError(f"{self.tenant}: {self.env} is not set")
        return key


_FILE = TypeAdapter(tuple[Caller, ...])


def callers(path: Path | None) -> tuple[Caller, ...]:
    """Of a file; without one a single caller with the key in AVENGERS_KEY."""
    if path is None:
        return (Caller(tenant="default", env=DEFAULT_ENV),)
    try:
        found = _FILE.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise KeyFileError(f"{path}: {first_of(error)}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KeyFileError(f"{path}: {str(error).splitlines()[0]}") from None
    if not found:
        raise KeyFileError(f"{path}: no keys")
    return found


def one_of(found: Sequence[Caller], draw: random.Random) -> Caller:
    """By weight."""
    return draw.choices(found, [caller.weight for caller in found])[0]
