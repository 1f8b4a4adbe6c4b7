"""Which artifact decides: names, rollouts, and the steps that change one.

Knows neither SQL nor where an artifact lies.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DEFAULT = "default"  # what `artifact` of the configuration names
GATEWAY = "*"  # the scope of a rollout that is no tenant's; no id of one
# Beside `default`. A Router holds more, so what is in use is never pushed out.
MOST_ARTIFACTS = 16

ArtifactName = Annotated[str, Field(pattern="^[A-Za-z0-9._-]{1,64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Portion(_Frozen):
    """An artifact, and the share of conversations that it is for."""

    artifact: ArtifactName = Field(description="its name under `artifacts`")
    percent: float = Field(gt=0, le=100, description="of the conversations")


class Rollout(_Frozen):
    """Which artifact decides for the gateway, or for one tenant.

    `active` None: for the gateway `default`; a tenant's is in its TenantConfig.
    """

    active: ArtifactName | None = Field(
        default=None, description="its name under `artifacts`; none = `default`"
    )
    canary: Portion | None = Field(
        default=None, description="decides for a share of the conversations"
    )
    shadow: Portion | None = Field(
        default=None, description="decides too, for the record only"
    )


class Previous(_Frozen):
    """What was active before; None as in Rollout, or that a tenant was not pinned."""

    artifact: ArtifactName | None = None


class StoredRollout(Rollout):
    """With what a rollback goes back to."""

    previous: Previous | None = None


class StoredArtifact(_Frozen):
    """An artifact by name. `artifact_id` None: whatever lies there."""

    name: ArtifactName
    location: str = Field(min_length=1, max_length=2048)
    artifact_id: str | None = None
    declared: bool = Field(default=False, description="by the configuration")


@dataclass(frozen=True, slots=True)
class Activate:
    """This one decides from now on; None: `default`, or for a tenant the gateway's."""

    artifact: str | None


@dataclass(frozen=True, slots=True)
class RollBack:
    """What was active before is so again."""


@dataclass(frozen=True, slots=True)
class SetCanary:
    """None: no canary any more."""

    portion: Portion | None


@dataclass(frozen=True, slots=True)
class SetShadow:
    """None: no shadow any more."""

    portion: Portion | None


Step = Activate | RollBack | SetCanary | SetShadow


def users_of(
    name: str, rollouts: Mapping[str, Rollout], pins: Mapping[str, str | None]
) -> Iterator[str]:
    """Where an artifact is in use, in words; `pins`: tenant → what it is pinned to."""
    if (rollouts.get(GATEWAY, Rollout()).active or DEFAULT) == name:
        yield "the gateway"
    for tenant, artifact in pins.items():
        if artifact == name:
            yield f"tenant {tenant}"
    for scope, rollout in rollouts.items():
        of = "the gateway" if scope == GATEWAY else f"tenant {scope}"
        for kind in ("canary", "shadow"):
            portion: Portion | None = getattr(rollout, kind)
            if portion is not None and portion.artifact == name:
                yield f"the {kind} of {of}"
