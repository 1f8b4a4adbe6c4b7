"""Ray handles in the shape of our protocols; Ray's exceptions become ours here."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from ray.exceptions import RayActorError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from ray.serve.handle import DeploymentHandle

from artifacts.encoder_spec import EncoderSpec
from artifacts.manifest import Manifest
from deployments.errors import (
    Overloaded,
    QueueFull,
    RoutingUnavailable,
    ServingError,
    UpstreamError,
)
from deployments.protocol.backend import Answer, BackendRequest, Item, Settlement
from deployments.protocol.routing import ArtifactRef, Explanation, RouteQuery, Routes

logger = logging.getLogger(__name__)

# What crosses is our own and numpy's: the pickler in C, which is several times faster
# than the one that Ray uses for whatever may come, knows how.
_PICKLED = {"request_serialization": "pickle", "response_serialization": "pickle"}


@contextmanager
def translated(what: str, failure: type[ServingError]) -> Iterator[None]:
    """Whatever a handle raises, as a ServingError; `failure` for what is unforeseen."""
    try:
        yield
    except BackPressureError:
        raise QueueFull(f"The {what} is at its limit.", retry_after_s=1.0) from None
    except DeploymentUnavailableError:
        raise Overloaded(f"The {what} has no replica.", retry_after_s=5.0) from None
    except RayActorError:
        raise failure(f"The {what} died while it answered.") from None
    except RayTaskError as error:
        if isinstance(error.cause, ServingError):
            raise error.cause from None
        logger.exception("the %s failed", what)
        raise failure(f"The {what} failed.") from None
    except ServingError:
        raise
    except Exception:
        logger.exception("the %s failed", what)
        raise failure(f"The {what} failed.") from None


class RemoteEmbedder:
    """An Embedder behind a handle; `encoder`: whose vectors it must be, None = any,
    or what a call says. `within_s`: in which a text's turn at the encoder must come."""

    def __init__(
        self,
        handle: DeploymentHandle,
        encoder: EncoderSpec | None = None,
        within_s: float | None = None,
    ) -> None:
        self._within_s = within_s
        self._encoder = None if encoder is None else encoder.key
        self._handle = handle.options(**_PICKLED)
        self._embed = self._handle.embed  # each look-up makes another handle

    async def embed(
        self,
        texts: Sequence[str],
        traces: Sequence[str] = (),
        encoder: str | None = None,
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts, of nan for one that has none;
        `encoder`: the key of one."""
        vectors: NDArray[np.float32]
        with translated("embedder", RoutingUnavailable):
            vectors = await self._embed.remote(
                list(texts), tuple(traces), encoder or self._encoder, self._within_s
            )
            return vectors

    async def count_tokens(self, texts: Sequence[str]) -> tuple[list[int], bool]:
        """Tokens of each text; whether the encoder itself would count the same."""
        with translated("embedder", RoutingUnavailable):
            counted: tuple[list[int], bool]
            counted = await self._handle.count_tokens.remote(list(texts))
            return counted

    async def spec(self) -> EncoderSpec:
        """Which encoder it is."""
        with translated("embedder", RoutingUnavailable):
            spec: EncoderSpec = await self._handle.spec.remote()
            return spec


class RemoteRouter:
    """A Router behind a handle."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle.options(**_PICKLED)
        self._route = self._handle.route  # each look-up makes another handle

    async def route(self, queries: Sequence[RouteQuery]) -> Routes:
        """One decision for each query."""
        with translated("router", RoutingUnavailable):
            routes: Routes = await self._route.remote(list(queries))
            return routes

    async def explain(self, query: RouteQuery) -> Explanation:
        """The decision for one query, and why."""
        with translated("router", RoutingUnavailable):
            explanation: Explanation = await self._handle.explain.remote(query)
            return explanation

    async def describe(self, ref: ArtifactRef, *, anew: bool = False) -> Manifest:
        """What an artifact says of itself; InvalidRequest if it cannot be used."""
        with translated("router", RoutingUnavailable):
            manifest: Manifest = await self._handle.describe.remote(ref, anew=anew)
            return manifest


class RemoteBackend:
    """A Backend behind a handle."""

    def __init__(self, handle: DeploymentHandle, name: str) -> None:
        once = handle.options(**_PICKLED)
        self._complete = once.complete
        self._stream = handle.options(stream=True, **_PICKLED).stream
        self._settle = once.settle
        self._name = name

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer."""
        with translated(self._name, UpstreamError):
            answer: Answer = await self._complete.remote(request)
            return answer

    async def stream(self, request: BackendRequest) -> AsyncIterator[Item]:
        """Frames of events, then the settlement; leaving early cancels the upstream."""
        response = self._stream.remote(request)
        finished = False
        try:
            with translated(self._name, UpstreamError):
                async for item in response:
                    yield item
            finished = True
        finally:
            if not finished:
                response.cancel()

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """What an answer that broke off was charged."""
        with translated(self._name, UpstreamError):
            settled: Settlement | None = await self._settle.remote(
                request, generation_id
            )
            return settled
