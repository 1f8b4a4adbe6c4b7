"""`POST /v1/embeddings`: the vectors that routing sees, in OpenAI's shape.

A text is embedded as routing embeds a request, so with the encoder's query prompt if it
has one (Qwen3-Embedding has, MiniLM has not). Nothing is charged and no usage record is
written, as the encoder is ours; the limits of key and tenant hold all the same.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from artifacts.encoder import EncoderSpec
from deployments.errors import (
    InvalidRequest,
    NotFound,
    Overloaded,
    RoutingUnavailable,
    UpstreamTimeout,
)
from serve_app.answering.request_fields import AUTO
from serve_app.http.embedding_answer import Rendering
from serve_app.http.embedding_request import MAX_INPUTS, EmbeddingRequest

# Of one text: over the window of any encoder.
_MAX_CHARACTERS = 2**20
# Counted at a time: of texts that are all too long, the first such piece is the last.
_COUNTED_CHARACTERS = 2**16
# Routing waits for at most one such piece of each Gateway replica (about 1,000 tokens
# of English), and not for 2,048 texts.
_PIECE_CHARACTERS = 4096
_PIECE_TEXTS = 32
# An Embedder that is silent for so long may hang: the next need not wait for it.
_SILENCE_S = 10.0


class TextEncoder(Protocol):
    """What we ask of the Embedder."""

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str], encoder: str
    ) -> NDArray[np.float32]:
        """Unit rows (n, d), in the order of the texts, of nan for one without a vector;
        RoutingUnavailable unless `encoder` is the key of the one that runs."""

    async def count_tokens(self, texts: Sequence[str]) -> tuple[list[int], bool]:
        """Tokens of each text; whether the encoder itself would count the same."""

    async def spec(self) -> EncoderSpec:
        """Which encoder it is."""


class Embeddings:
    """Answers embedding requests; several share the Embedder piece by piece."""

    def __init__(
        self, encoder: TextEncoder, *, timeout_s: float, silence_s: float = _SILENCE_S
    ) -> None:
        self._encoder = encoder
        self._timeout_s = timeout_s
        self._silence_s = silence_s
        self._spec: EncoderSpec | None = None
        # In turns: the Embedder answers in order, and routing must not wait for long.
        self._turn = asyncio.Semaphore(1)

    async def answer(self, request: EmbeddingRequest) -> tuple[bytes, int]:
        """The answer as JSON, and the tokens of its texts; a ServingError says what is
        wrong or not to be had."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._answer(request)
        except RoutingUnavailable as error:
            self._spec = None  # it may be another one by now
            # So called where a vector is for routing.
            raise Overloaded(error.message, retry_after_s=1.0) from None
        except TimeoutError:
            what = "The embedder did not answer in time."
            raise UpstreamTimeout(what, code="embedder_timeout") from None

    async def _answer(self, request: EmbeddingRequest) -> tuple[bytes, int]:
        spec = await self._fitting(request)
        texts = request.texts
        tokens = await self._count(texts, spec)
        rendering = Rendering(as_base64=request.encoding_format == "base64")
        for piece in _pieces(texts, _PIECE_CHARACTERS, _PIECE_TEXTS):
            rows = await self._embedded(texts[piece], spec.key)
            _refuse_lacking(rows, piece.start)
            await rendering.add(rows)
        n_tokens = sum(tokens)
        return await rendering.answer(spec.id, n_tokens), n_tokens

    async def _embedded(self, texts: list[str], encoder: str) -> NDArray[np.float32]:
        """In turn; the turn ends if the Embedder is silent, which may be true of one
        replica only."""
        async with self._turn:
            embedding = asyncio.ensure_future(self._encoder.embed(texts, (), encoder))
            try:
                await asyncio.wait([embedding], timeout=self._silence_s)
            except asyncio.CancelledError:
                embedding.cancel()
                raise
        return await embedding

    async def _fitting(self, request: EmbeddingRequest) -> EncoderSpec:
        """The encoder, if it is what is asked for. One that is known is asked for again
        before it refuses: Serve may have replaced the Embedders since."""
        if self._spec is not None:
            try:
                _check(request, self._spec)
            except (InvalidRequest, NotFound):
                self._spec = None
        if self._spec is None:
            self._spec = await self._encoder.spec()
            _check(request, self._spec)
        return self._spec

    async def _count(self, texts: list[str], spec: EncoderSpec) -> list[int]:
        """Tokens of each text, before anything is embedded."""
        for index, text in enumerate(texts):
            if len(text) > _MAX_CHARACTERS:
                raise _too_long(index, f"is over {_MAX_CHARACTERS} characters")
        counted: list[int] = []
        for piece in _pieces(texts, _COUNTED_CHARACTERS, MAX_INPUTS):
            tokens, exact = await self._encoder.count_tokens(texts[piece])
            most_tokens = max(tokens)
            if exact and most_tokens > spec.max_tokens:
                what = f"has {most_tokens} tokens, this encoder reads {spec.max_tokens}"
                raise _too_long(piece.start + tokens.index(most_tokens), what)
            counted += tokens
        return counted


def _check(request: EmbeddingRequest, spec: EncoderSpec) -> None:
    if request.model not in {AUTO, spec.id}:
        what = (
            f"There is no embedding model {request.model!r}: {AUTO!r} or {spec.id!r}."
        )
        raise NotFound(what, param="model")
    if request.dimensions not in {None, spec.dimension}:
        what = f"dimensions: this encoder's vectors have {spec.dimension}."
        raise InvalidRequest(what, param="dimensions", code="invalid_value")


def _pieces(texts: list[str], characters: int, n_texts: int) -> Iterator[slice]:
    """Consecutive texts that go together, so many at most; one that is larger goes
    alone."""
    start = size = 0
    for index, text in enumerate(texts):
        size += len(text)
        full = size > characters or index - start == n_texts
        if full and index > start:
            yield slice(start, index)
            start, size = index, len(text)
    yield slice(start, len(texts))


def _refuse_lacking(rows: NDArray[np.float32], start: int) -> None:
    """RoutingUnavailable for a row of nan: its text has no vector."""
    lacking = np.isnan(rows[:, 0])
    if lacking.any():
        index = start + int(lacking.argmax())
        raise RoutingUnavailable(f"The embedder made no vector of input[{index}].")


def _too_long(index: int, what: str) -> InvalidRequest:
    message = f"input[{index}] {what}."
    return InvalidRequest(message, param="input", code="context_length_exceeded")
