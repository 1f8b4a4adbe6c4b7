"""A backend that answers without any model: for the demo and for load tests.

It speaks like an upstream, at a set pace and price, and says that it is simulated.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from deployments.backends.settling import settle
from deployments.backends.simulated_answer import CHARACTERS_PER_TOKEN, choices_of
from deployments.backends.sse import event
from deployments.errors import InvalidRequest, UpstreamError
from deployments.protocol.backend import (
    Answer,
    BackendRequest,
    Settlement,
    Surface,
    Usage,
)

PROVIDER = "simulated"
SURFACES: frozenset[Surface] = frozenset({"chat/completions"})
_WORDS = tuple(
    "we add each part in turn and check that their sum holds as asked".split()  # noqa: SIM905
)


class SimulatorConfig(BaseModel):
    """Pace, length and faults of simulated answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_token_s: float = Field(
        default=0.15, ge=0, description="until the first token"
    )
    tokens_per_s: float = Field(default=200.0, gt=0, description="of each answer")
    completion_tokens: int = Field(
        default=48, ge=1, description="mean; each answer draws from half to 1.5 times"
    )
    tokens_per_chunk: int = Field(default=1, ge=1, description="of a stream's events")
    error_rate: float = Field(
        default=0.0, ge=0, le=1, description="share that fails before the first byte"
    )
    cut_rate: float = Field(
        default=0.0, ge=0, le=1, description="share of streams that break half-way"
    )


class SimulatorBackend:
    """Answers with filler words, or in the form that is asked for; the same request
    gets the same answer."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer, after the time that its tokens would take."""
        script = self._script(request)
        pause = self._config.first_token_s + script.longest / self._pace
        await asyncio.sleep(pause)
        script.raise_planned_error()
        settlement = settle(request, script.usage, None, PROVIDER, upstream_s=pause)
        return Answer(script.whole(), settlement)

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        """Events at the set pace, of all choices together; then the settlement."""
        script = self._script(request)
        await asyncio.sleep(self._config.first_token_s)
        script.raise_planned_error()
        yield script.frame(choice.first_chunk() for choice in script.choices)
        step = self._config.tokens_per_chunk
        start = time.monotonic()
        for sent in range(0, script.longest, step):
            if script.cut and sent >= script.longest // 2:
                raise UpstreamError("The simulated upstream broke off.")
            yield script.frame(
                choice.chunk(sent, sent + step)
                for choice in script.choices
                if sent < len(choice.tokens)
            )
            due = start + (sent + step) / self._pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        yield script.frame(choice.last_chunk() for choice in script.choices)
        first_s = self._config.first_token_s
        yield settle(request, script.usage, None, PROVIDER, upstream_s=first_s)

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """Nothing is charged that could be asked for."""
        return None

    @property
    def _pace(self) -> float:
        return self._config.tokens_per_s

    def _script(self, request: BackendRequest) -> "_Script":
        if request.surface not in SURFACES:
            what = f"The simulator has no /v1/{request.surface}."
            raise InvalidRequest(what, param="model", code="unsupported_endpoint")
        return _Script(request, self._config)


class _Script:
    """All that one simulated answer will say and do, drawn from its request."""

    def __init__(self, request: BackendRequest, config: SimulatorConfig) -> None:
        body: dict[str, Any] = orjson.loads(request.body)
        digest = hashlib.blake2b(request.body, digest_size=8)
        # The request's bytes decide, so that a run can be repeated.
        draw = random.Random(digest.digest())
        words = partial(_words, request.model, config.completion_tokens, draw)
        self.choices = choices_of(body, digest.hexdigest(), words)
        self.failing = draw.random() < config.error_rate
        self.cut = draw.random() < config.cut_rate
        counts = [len(choice.tokens) for choice in self.choices]
        self.longest = max(counts)
        prompt = len(orjson.dumps(body.get("messages", ""))) // CHARACTERS_PER_TOKEN
        prompt = max(1, prompt)
        self.usage = Usage(prompt, sum(counts), prompt + sum(counts))
        self._id = f"gen-{digest.hexdigest()}"
        self._created = int(time.time())  # all events of a stream say the same
        self._model = request.model

    def raise_planned_error(self) -> None:
        """UpstreamError in the share of requests that was asked for."""
        if self.failing:
            raise UpstreamError("The simulated upstream failed.")

    def whole(self) -> bytes:
        """The answer in one object."""
        usage = {
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "total_tokens": self.usage.total_tokens,
        }
        choices = [choice.whole() for choice in self.choices]
        head = self._head("chat.completion")
        return orjson.dumps({**head, "choices": choices, "usage": usage})

    def frame(self, choices: Iterable[dict[str, Any]]) -> bytes:
        """An event of the stream for each of them."""
        head = self._head("chat.completion.chunk")
        return b"".join(
            event(orjson.dumps({**head, "choices": [choice]})) for choice in choices
        )

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model,
            "provider": PROVIDER,
        }


def _words(model: str, mean: int, draw: random.Random) -> list[str]:
    """Tokens of an answer in words, the first of which says whose it would be."""
    length = round(mean * draw.uniform(0.5, 1.5))
    rest = (" " + draw.choice(_WORDS) for _ in range(length - 1))
    return [f"[simulated {model}]", *rest]
