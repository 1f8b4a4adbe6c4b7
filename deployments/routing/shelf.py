"""The artifacts that a Router holds beside its own, loaded while it decides on."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from artifacts.artifact import RoutingArtifact
from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import ArtifactError, BadInput, EncoderMismatch
from artifacts.location import directory_of
from artifacts.remote import shown
from artifacts.store import load
from deployments.protocol.routing import ArtifactRef
from deployments.rollout import MOST_ARTIFACTS
from deployments.routing.loading import Loading

logger = logging.getLogger(__name__)

# A name may have been registered anew while queries still name what it was before.
_CAPACITY = 2 * MOST_ARTIFACTS
_AGAIN_AFTER_S = 30.0  # one that could not be loaded

Load = Callable[[str], RoutingArtifact]


def load_at(location: str) -> RoutingArtifact:
    """The artifact at a path or an address, verified; BadInput if it is not whole."""
    return load(directory_of(location, encoder=False))


class Shelf:
    """At most `capacity` artifacts of one encoder; the least recently used goes."""

    def __init__(
        self,
        encoder: EncoderSpec,
        load: Load = load_at,
        *,
        capacity: int = _CAPACITY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._encoder = encoder
        self._load = Loading(load)
        self._capacity = capacity
        self._clock = clock
        self._held: OrderedDict[ArtifactRef, RoutingArtifact] = OrderedDict()
        self._loading: dict[ArtifactRef, asyncio.Task[RoutingArtifact]] = {}
        self._failed: dict[ArtifactRef, float] = {}  # until when it is left alone

    def get(self, ref: ArtifactRef) -> RoutingArtifact | None:
        """The artifact if it is here; else None, and it is being loaded."""
        found = self._held.get(ref)
        if found is not None:
            self._held.move_to_end(ref)
        elif self._clock() >= self._failed.get(ref, 0.0):
            self._begin(ref)
        return found

    async def load(self, ref: ArtifactRef) -> RoutingArtifact:
        """The artifact, waited for; BadInput says why it cannot be used."""
        found = self._held.get(ref)
        if found is not None:
            return found
        # Another who waits for it must not lose it with this caller.
        return await asyncio.shield(self._begin(ref))

    async def load_anew(self, ref: ArtifactRef) -> RoutingArtifact:
        """What lies there now, whatever was loaded from there before; BadInput says
        why it cannot be used. It is held under its own id."""
        artifact = await self._fetch(ref)
        own = replace(ref, artifact_id=artifact.artifact_id)
        if own not in self._held:
            self._hold(own, artifact)
        return artifact

    def check_encoder(self, artifact: RoutingArtifact) -> None:
        """EncoderMismatch if its vectors are not those of the Embedder."""
        if differences := self._encoder.differences(artifact.manifest.encoder):
            what = "the artifact is for another encoder than the one that runs"
            raise EncoderMismatch(f"{what}: {'; '.join(differences)}")

    def _begin(self, ref: ArtifactRef) -> asyncio.Task[RoutingArtifact]:
        if ref not in self._loading:
            task = asyncio.ensure_future(self._fetch(ref))
            self._loading[ref] = task
            task.add_done_callback(lambda done: self._settle(ref, done))
        return self._loading[ref]

    async def _fetch(self, ref: ArtifactRef) -> RoutingArtifact:
        artifact = await self._load(ref.location)
        self.check_encoder(artifact)
        if ref.artifact_id is not None and ref.artifact_id != artifact.artifact_id:
            what = f"it holds {artifact.artifact_id[:12]}, not {ref.artifact_id[:12]}"
            raise ArtifactError(shown(ref.location), what)
        return artifact

    def _hold(self, ref: ArtifactRef, artifact: RoutingArtifact) -> None:
        self._failed.pop(ref, None)
        self._held[ref] = artifact
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)

    def _settle(self, ref: ArtifactRef, task: asyncio.Task[RoutingArtifact]) -> None:
        del self._loading[ref]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._hold(ref, task.result())
            return
        now = self._clock()
        self._failed = {kept: at for kept, at in self._failed.items() if at > now}
        self._failed[ref] = now + _AGAIN_AFTER_S
        said = str(error) if isinstance(error, BadInput) else type(error).__name__
        logger.warning("the artifact %s cannot be loaded: %s", ref.name, said)
