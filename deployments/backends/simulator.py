"""A backend that answers without any model: for the demo and for load tests.

It speaks like an upstream, at a set pace and price, and says that it is simulated.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from deployments.backends.settling import settle
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
_CHARACTERS_PER_TOKEN = 4


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
    """Answers with filler words; the same request gets the same answer."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer, after the time that its tokens would take."""
        script = self._script(request)
        pause = self._config.first_token_s + len(script.tokens) / self._pace
        await asyncio.sleep(pause)
        script.raise_planned_error()
        message = {"role": "assistant", "content": "".join(script.tokens)}
        choice = {"index": 0, "message": message, "finish_reason": script.finish_reason}
        body = {
            **script.head("chat.completion"),
            "choices": [choice],
            "usage": script.usage_object(),
        }
        settlement = settle(request, script.usage, None, PROVIDER, upstream_s=pause)
        return Answer(orjson.dumps(body), settlement)

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        """Events at the set pace, then the settlement."""
        script = self._script(request)
        await asyncio.sleep(self._config.first_token_s)
        script.raise_planned_error()
        yield script.chunk({"role": "assistant", "content": ""}, None)
        step = self._config.tokens_per_chunk
        start = time.monotonic()
        for sent in range(0, len(script.tokens), step):
            if script.cut and sent >= len(script.tokens) // 2:
                raise UpstreamError("The simulated upstream broke off.")
            yield script.chunk(
                {"content": "".join(script.tokens[sent : sent + step])}, None
            )
            due = start + (sent + step) / self._pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        yield script.chunk({}, script.finish_reason)
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
        self.id = f"gen-{digest.hexdigest()}"
        self.model = request.model
        length = round(config.completion_tokens * draw.uniform(0.5, 1.5))
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        capped = isinstance(limit, int) and 0 < limit < length
        self.finish_reason = "length" if capped else "stop"
        words = [f"[simulated {request.model}]"]
        words += [" " + draw.choice(_WORDS) for _ in range(length - 1)]
        self.tokens = words[:limit] if capped else words
        self.failing = draw.random() < config.error_rate
        self.cut = draw.random() < config.cut_rate
        prompt = len(orjson.dumps(body.get("messages", ""))) // _CHARACTERS_PER_TOKEN
        count = len(self.tokens)
        self.usage = Usage(max(1, prompt), count, max(1, prompt) + count)

    def raise_planned_error(self) -> None:
        """UpstreamError in the share of requests that was asked for."""
        if self.failing:
            raise UpstreamError("The simulated upstream failed.")

    def head(self, kind: str) -> dict[str, Any]:
        """What every object of this answer begins with."""
        return {
            "id": self.id,
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
            "provider": PROVIDER,
        }

    def chunk(self, delta: dict[str, str], finish_reason: str | None) -> bytes:
        """One event of the stream."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return event(
            orjson.dumps({**self.head("chat.completion.chunk"), "choices": [choice]})
        )

    def usage_object(self) -> dict[str, int]:
        """OpenAI's usage."""
        return {
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "total_tokens": self.usage.total_tokens,
        }
