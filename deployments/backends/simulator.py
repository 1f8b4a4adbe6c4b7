"""A backend that answers without any model: for the demo and for load tests.

It speaks like an upstream, at a set pace and price, and says that it is simulated.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from deployments.backends.settling import settle
from deployments.backends.simulated_answer import CHARACTERS_PER_TOKEN, choices_of
from deployments.backends.simulated_choice import Choice
from deployments.backends.simulated_forms import (
    PROVIDER,
    ChatForm,
    Form,
    Said,
    TextForm,
)
from deployments.backends.simulated_request import in_chat_words
from deployments.backends.simulated_response import ResponseForm
from deployments.errors import UpstreamError
from deployments.protocol.backend import (
    PROMPT_FIELDS,
    Answer,
    BackendRequest,
    Settlement,
    Surface,
    Usage,
)

SURFACES: frozenset[Surface] = frozenset(PROMPT_FIELDS)
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
        script = _Script(request, self._config)
        pause = self._config.first_token_s + script.longest / self._pace
        await asyncio.sleep(pause)
        script.raise_planned_error()
        settlement = settle(request, script.usage, None, PROVIDER, upstream_s=pause)
        return Answer(orjson.dumps(script.form.whole()), settlement)

    async def stream(
        self, request: BackendRequest
    ) -> AsyncIterator[bytes | Settlement]:
        """Events at the set pace, of all choices together; then the settlement."""
        script = _Script(request, self._config)
        await asyncio.sleep(self._config.first_token_s)
        script.raise_planned_error()
        if first := script.form.first():
            yield first
        step = self._config.tokens_per_chunk
        start = time.monotonic()
        for sent in range(0, script.longest, step):
            if script.cut and sent >= script.longest // 2:
                raise UpstreamError("The simulated upstream broke off.")
            yield script.form.piece(sent, sent + step)
            due = start + (sent + step) / self._pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        yield script.form.last()
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


class _Script:
    """All that one simulated answer will say and do, drawn from its request."""

    def __init__(self, request: BackendRequest, config: SimulatorConfig) -> None:
        body: dict[str, Any] = orjson.loads(request.body)
        digest = hashlib.blake2b(request.body, digest_size=8)
        # The request's bytes decide, so that a run can be repeated.
        draw = random.Random(digest.digest())
        words = partial(_words, request.model, config.completion_tokens, draw)
        choices = _choices(body, request.surface, digest.hexdigest(), words)
        self.failing = draw.random() < config.error_rate
        self.cut = draw.random() < config.cut_rate
        counts = [len(choice.tokens) for choice in choices]
        self.longest = max(counts)
        prompt = _prompt_tokens(body, request.surface)
        self.usage = Usage(prompt, sum(counts), prompt + sum(counts))
        now = int(time.time())
        said = Said(digest.hexdigest(), now, request.model, choices, self.usage)
        self.form = _form(said, request.surface, body)

    def raise_planned_error(self) -> None:
        """UpstreamError in the share of requests that was asked for."""
        if self.failing:
            raise UpstreamError("The simulated upstream failed.")


def _choices(
    body: dict[str, Any],
    surface: Surface,
    answer_id: str,
    words: Callable[[], list[str]],
) -> list[Choice]:
    field = "text.format" if surface == "responses" else "response_format"
    asked = in_chat_words(body, surface)
    return choices_of(asked, answer_id, words, form_field=field)


def _form(said: Said, surface: Surface, body: dict[str, Any]) -> Form:
    if surface == "responses":
        return ResponseForm(said, body)
    return ChatForm(said) if surface == "chat/completions" else TextForm(said)


def _prompt_tokens(body: dict[str, Any], surface: Surface) -> int:
    size = len(orjson.dumps(body.get(PROMPT_FIELDS[surface], "")))
    if surface == "responses":
        size += len(body.get("instructions") or "")
    return max(1, size // CHARACTERS_PER_TOKEN)


def _words(model: str, mean: int, draw: random.Random) -> list[str]:
    """Tokens of an answer in words, the first of which says whose it would be."""
    length = round(mean * draw.uniform(0.5, 1.5))
    rest = (" " + draw.choice(_WORDS) for _ in range(length - 1))
    return [f"[simulated {model}]", *rest]
