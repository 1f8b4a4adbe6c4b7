"""The LLMServer that Ray runs for one local model; only it imports vLLM.

Import this module late: plain `ray[serve]` cannot import `ray.serve.llm`.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from pydantic import ValidationError
from ray.serve.llm import LLMConfig
from ray.serve.llm.deployment import LLMServer
from ray.serve.llm.openai_api_models import ChatCompletionRequest, CompletionRequest
from vllm.entrypoints.serve.exception_handling import (  # type: ignore[import-not-found]
    error_response,
)
from vllm.exceptions import VLLMError  # type: ignore[import-not-found]

from deployments.backends.gathering import gathered_items
from deployments.backends.vllm import VLLMBackend
from deployments.backends.vllm_refusal import refusal
from deployments.errors import InvalidRequest
from deployments.protocol.backend import (
    Answer,
    BackendRequest,
    Item,
    Settlement,
    Surface,
)
from deployments.telemetry.config import TelemetryConfig
from deployments.telemetry.traced import traced_backend


class VLLMReplica(LLMServer):  # type: ignore[misc]
    """A Backend around vLLM's engine: callers send our own values, not vLLM's."""

    async def __init__(  # type: ignore[misc]  # LLMServer's own way to start up
        self, llm_config: LLMConfig, *, gather_ms: float, telemetry: TelemetryConfig
    ) -> None:
        await super().__init__(llm_config)
        self._gather_s = gather_ms / 1000
        self._max_model_len: int = llm_config.engine_kwargs["max_model_len"]
        backend = VLLMBackend(
            self,
            served_model=llm_config.model_id,
            max_model_len=self._max_model_len,
            # Where domains are stated, vLLM itself refuses all others.
            fetches=bool(llm_config.engine_kwargs.get("allowed_media_domains")),
        )
        self._backend = traced_backend(backend, "VLLMBackend", telemetry)

    async def check_health(self) -> None:
        """Serve puts another in the place of one that raises, or is silent for its
        health_check_timeout_s.

        vLLM only looks whether its processes live. The question after that is answered
        by the engine's own loop, between two steps and before any request that waits:
        while a step hangs, it is not.
        """
        await super().check_health()
        await self.is_sleeping()

    async def complete(self, request: BackendRequest) -> Answer:
        """The whole answer."""
        return await self._backend.complete(request)

    async def stream(self, request: BackendRequest) -> AsyncIterator[Item]:
        """Frames of events, the first at once; then the settlement."""
        items = gathered_items(self._backend.stream(request), self._gather_s)
        async with aclosing(items) as frames:  # type: ignore[type-var]
            async for frame in frames:
                yield frame

    async def settle(
        self, request: BackendRequest, generation_id: str
    ) -> Settlement | None:
        """What an answer that broke off was charged: not known."""
        return await self._backend.settle(request, generation_id)

    async def answers(
        self, surface: Surface, body: dict[str, Any]
    ) -> AsyncIterator[str | dict[str, Any]]:
        """vLLM's own answer: SSE events or one object (see ChatEngine)."""
        try:
            async with aclosing(await self._asked(surface, body)) as parts:
                async for part in parts:
                    # A streamed answer comes in lists, an error of it too.
                    for item in part if isinstance(part, list) else [part]:
                        yield item if isinstance(item, str) else item.model_dump()
        except VLLMError as error:
            # Could not be unpickled where vLLM is not installed.
            said = error_response.create_error_response(error).error.model_dump()
            raise refusal(said, max_model_len=self._max_model_len) from None

    async def unfinished(self) -> int:
        """Requests that the engine has neither finished nor aborted."""
        engine = self.engine._engine_client
        count: int = engine.output_processor.get_num_unfinished_requests()
        return count

    async def _asked(self, surface: Surface, body: dict[str, Any]) -> Any:
        if surface == "completions":
            return await self.completions(_checked(CompletionRequest, body))
        return await self.chat(_checked(ChatCompletionRequest, body))


def _checked(kind: Any, body: dict[str, Any]) -> Any:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        param = str(first["loc"][0]) if first["loc"] else None
    except (TypeError, ValueError, AttributeError, KeyError):
        param = None  # a check of vLLM's own stumbled over the body's shape
    what = f"The engine does not take this {param or 'body'}."
    raise InvalidRequest(what, param=param, code="invalid_value")
