"""The upstream's paths: OpenRouter's, and those by which a test looks behind them."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from time import time
from typing import Any

import orjson
from pydantic import ValidationError

from artifacts.errors import first_of
from scripts.upstream.answering import Player
from scripts.upstream.dialect import Chat, Dialect, Text, error_body
from scripts.upstream.exchange import Exchange
from scripts.upstream.fault_plan import FaultPlan
from scripts.upstream.ledger import Entry, Ledger
from scripts.upstream.responses_dialect import Responses
from scripts.upstream.script import write_script
from scripts.upstream.settings import Settings

_API = "/api/v1"
_DIALECTS: dict[str, type[Dialect]] = {
    f"{_API}/chat/completions": Chat,
    f"{_API}/completions": Text,
    f"{_API}/responses": Responses,
}


class Upstream:
    """Answers exchanges. `requests` and `keys` hold what it was last asked, and by."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self.ledger = Ledger(settings.keep_entries)
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Behave like this from now on; schedules and `times` begin anew."""
        self.settings = settings
        self.ledger.limit = settings.keep_entries
        self.plan = FaultPlan(settings)
        self.requests: deque[dict[str, Any]] = deque(maxlen=settings.keep_bodies)
        self.keys: set[str] = set()

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request."""
        try:
            request = exchange.request
            if request.method == "POST" and request.path in _DIALECTS:
                await self._answer(exchange)
            else:
                await self._look_up(exchange)
        except asyncio.CancelledError:
            return  # the client went away, or the server stops

    async def _answer(self, exchange: Exchange) -> None:
        request = exchange.request
        key = request.headers.get("authorization", "")
        if not key.startswith("Bearer "):
            await _json(exchange, error_body(401, "No auth credentials found"), 401)
            return
        try:
            data = orjson.loads(request.body)
            if not isinstance(data, dict) or not isinstance(data.get("model"), str):
                raise ValueError("model is missing")
            fault = self.plan.next(request.headers, request.body, data)
            settings = self.settings.of(data["model"])
            script = write_script(data, request.body, settings, self.settings.answer)
        except (ValueError, KeyError, TypeError) as error:
            # orjson's errors and FaultSyntaxError are ValueErrors.
            await _json(exchange, error_body(400, f"Invalid request: {error}"), 400)
            return
        self.keys.add(key)
        if self.requests.maxlen:
            self.requests.append(data)
        metadata = data.get("metadata")
        streamed = data.get("stream") is True
        entry = Entry(
            id=script.id,
            model=script.model,
            path=request.path,
            protocol=exchange.protocol,
            streamed=streamed,
            fault=f"{fault.name},{fault.phase.value}" if fault else None,
            metadata=metadata if isinstance(metadata, dict) else {},
            prompt_tokens=script.prompt_tokens,
        )
        player = Player(
            exchange, _DIALECTS[request.path](), script, self.ledger.open(entry)
        )
        await player.play(fault, streamed=streamed)

    async def _look_up(self, exchange: Exchange) -> None:
        request = exchange.request
        match request.method, request.path:
            case "GET", "/api/v1/models":
                await _json(exchange, {"data": self._models()})
            case "GET", "/api/v1/generation":
                await self._generation(exchange)
            case "GET", "/ledger":
                await _json(exchange, self.ledger.as_json())
            case "GET", "/requests":
                await _json(exchange, list(self.requests))
            case "POST", "/ledger/reset":
                self.ledger.reset()
                await _json(exchange, {})
            case "PUT", "/settings":
                await self._configure(exchange)
            case _:
                await _json(exchange, error_body(404, "Not Found"), 404)

    async def _configure(self, exchange: Exchange) -> None:
        try:
            settings = Settings.model_validate_json(exchange.request.body)
        except ValidationError as error:
            await _json(exchange, error_body(400, first_of(error)), 400)
            return
        self.use(settings)
        await _json(exchange, {})

    async def _generation(self, exchange: Exchange) -> None:
        """What a request was charged, also if its answer never arrived."""
        entry = self.ledger.get(exchange.request.query("id") or "")
        delay = self.settings.generation_delay_s
        known = entry is not None and entry.outcome is not None
        if entry is None or not known or time() < entry.ended + delay:
            await _json(exchange, error_body(404, "Generation not found"), 404)
            return
        await _json(exchange, {"data": _generation(entry)})

    def _models(self) -> list[dict[str, Any]]:
        return [
            {
                "id": model,
                "name": model,
                "created": 0,
                "context_length": 131072,
                "pricing": {
                    "prompt": f"{of.input_usd_per_token:.12g}",
                    "completion": f"{of.output_usd_per_token:.12g}",
                },
            }
            for model, of in self.settings.models.items()
        ]


def _generation(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "created_at": datetime.fromtimestamp(entry.began, UTC).isoformat(),
        "model": entry.model,
        "streamed": entry.streamed,
        "cancelled": entry.outcome == "client_left",
        "finish_reason": entry.finish_reason,
        "native_finish_reason": entry.finish_reason,
        "provider_name": "Test",
        "generation_time": round((entry.duration_s or 0.0) * 1e3),
        "tokens_prompt": entry.prompt_tokens,
        "tokens_completion": entry.completion_tokens,
        "native_tokens_prompt": entry.prompt_tokens,
        "native_tokens_completion": entry.completion_tokens,
        "native_tokens_cached": 0,
        "native_tokens_reasoning": 0,
        "total_cost": entry.charged_usd,
        "usage": entry.charged_usd,
        "is_byok": False,
    }


async def _json(exchange: Exchange, content: object, status: int = 200) -> None:
    body = orjson.dumps(content)
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    await exchange.start(status, headers)
    await exchange.send(body)
    await exchange.finish()
