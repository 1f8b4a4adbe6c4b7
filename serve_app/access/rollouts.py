"""Which artifact is asked to decide for a request."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deployments.protocol.routing import ArtifactChoice, ArtifactRef
from deployments.rollout import (
    DEFAULT,
    GATEWAY,
    Portion,
    Rollout,
    StoredArtifact,
    StoredRollout,
)
from deployments.store.snapshot import Snapshot
from deployments.tenancy import TenantConfig

_NONE = StoredRollout()
_OWN = ArtifactRef(DEFAULT)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is in force for a tenant, by name; `previous` decides until `active` can."""

    active: str
    previous: str
    canary: Portion | None
    shadow: Portion | None


class Rollouts:
    """An immutable view of artifacts and rollouts; replaced whole on a change.

    A tenant that is pinned follows its own rollout alone. Another follows the
    gateway's, but for a canary or a shadow of its own.
    """

    def __init__(
        self,
        declared: Mapping[str, str],
        rollout: Rollout,
        snapshot: Snapshot | None = None,
    ) -> None:
        """Of artifacts that both name, the snapshot's count."""
        self.artifacts: dict[str, StoredArtifact] = {
            name: StoredArtifact(name=name, location=location, declared=True)
            for name, location in declared.items()
        } | (snapshot.artifacts if snapshot else {})
        self.rollouts: dict[str, StoredRollout] = {
            GATEWAY: StoredRollout.model_validate(rollout.model_dump())
        } | (snapshot.rollouts if snapshot else {})

        # Most gateways have one artifact: then a request costs nothing here.
        self._idle = all(
            rollout.active is None and rollout.canary is None and rollout.shadow is None
            for rollout in self.rollouts.values()
        )

    def ref(self, name: str) -> ArtifactRef:
        """All that a Router needs; a name that is gone stands for `default`."""
        found = self.artifacts.get(name)
        if found is None:
            return _OWN
        return ArtifactRef(name, found.location, found.artifact_id)

    def choice(
        self, tenant: TenantConfig, conversation: Callable[[], str]
    ) -> ArtifactChoice | None:
        """Who decides, and who beside; None where `default` does, and nobody beside.

        The same conversation always falls on the same side, and stays in a canary that
        grows.
        """
        if self._idle and tenant.artifact is None:
            return None
        terms = self._terms(tenant)
        deciding, stand_in = terms.active, terms.previous
        if terms.canary is not None and _falls(terms.canary, "canary", conversation):
            deciding, stand_in = terms.canary.artifact, terms.active
        shadow = terms.shadow
        if shadow is not None and not _falls(shadow, "shadow", conversation):
            shadow = None
        refs = dict.fromkeys(map(self.ref, (deciding, stand_in)))
        if shadow is None and next(iter(refs)) == _OWN:
            return None
        return ArtifactChoice(
            tuple(refs), self.ref(shadow.artifact) if shadow else None
        )

    def _terms(self, tenant: TenantConfig) -> _Terms:
        gateway = self.rollouts.get(GATEWAY, _NONE)
        own = self.rollouts.get(tenant.id, _NONE)
        active = gateway.active or DEFAULT
        if tenant.artifact is not None:
            before = _before(own) or active
            return _Terms(tenant.artifact, before, own.canary, own.shadow)
        return _Terms(
            active,
            _before(gateway) or DEFAULT,
            own.canary or gateway.canary,
            own.shadow or gateway.shadow,
        )


def _before(rollout: StoredRollout) -> str | None:
    """What was active before; None: nothing was, or what is without a rollout."""
    return rollout.previous.artifact if rollout.previous else None


def _falls(portion: Portion, kind: str, conversation: Callable[[], str]) -> bool:
    """Whether a conversation is in a portion: by a hash of its own for each."""
    if portion.percent >= 100:
        return True
    text = "\0".join((kind, portion.artifact, conversation()))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest()) / 2**64 * 100 < portion.percent
