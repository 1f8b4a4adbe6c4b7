"""One chat completion as a client of the gateway sees it, well or badly ended."""

import time
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import orjson

Ended = Literal["whole", "error", "cut", "left"]


@dataclass(slots=True)
class Seen:
    """What came. `ended`: whole = a JSON answer, or `[DONE]`; error = an error answer
    or event; cut = a stream that just stops; left = we hung up."""

    status: int = 0
    ended: Ended = "cut"
    code: str | None = None
    model: str | None = None
    fallbacks: str = ""
    retry_after_s: float | None = None
    cost_usd: float | None = None
    tokens: int = 0
    took_s: float = 0.0

    @property
    def n_failures(self) -> int:
        """Attempts that failed before this answer."""
        return int(self.fallbacks.partition(";")[0] or 0)


@dataclass(frozen=True, slots=True)
class Question:
    """A request; `leave_after` = the client hangs up after so many tokens, or (unary)
    after `leave_s`."""

    id: str
    key: str
    body: dict[str, Any]
    leave_after: int | None = None
    leave_s: float | None = None


async def ask(client: httpx.AsyncClient, url: str, question: Question) -> Seen:
    """Ask the gateway at `url`; what goes wrong is in the result, not raised."""
    seen = Seen()
    began = time.perf_counter()
    request = client.build_request(
        "POST",
        f"{url}/v1/chat/completions",
        json=question.body,
        headers={
            "authorization": f"Bearer {question.key}",
            "x-request-id": question.id,
        },
        timeout=question.leave_s or 60,
    )
    try:
        response = await client.send(request, stream=True)
        try:
            await _read(response, seen, question)
        finally:
            await response.aclose()
    except httpx.ReadTimeout:
        seen.ended = "left"
    except httpx.HTTPError as error:
        seen.code = type(error).__name__
    seen.took_s = time.perf_counter() - began
    return seen


async def _read(response: httpx.Response, seen: Seen, question: Question) -> None:
    headers = response.headers
    seen.status = response.status_code
    seen.model = headers.get("x-routed-model")
    seen.fallbacks = headers.get("x-routing-fallbacks", "")
    if "retry-after" in headers:
        seen.retry_after_s = float(headers["retry-after"])
    if "x-response-cost-usd" in headers:
        seen.cost_usd = float(headers["x-response-cost-usd"])
    if headers.get("content-type", "").startswith("text/event-stream"):
        await _read_events(response, seen, question)
        return
    data = orjson.loads(await response.aread())
    if "error" in data:
        seen.ended, seen.code = "error", data["error"]["code"]
    else:
        seen.ended = "whole"
        seen.tokens = (data.get("usage") or {}).get("completion_tokens", 0)


async def _read_events(
    response: httpx.Response, seen: Seen, question: Question
) -> None:
    async for line in response.aiter_lines():
        if not line.startswith("data: "):
            continue
        if line == "data: [DONE]":
            seen.ended = "whole"
            continue
        data = orjson.loads(line[6:])
        if "error" in data:
            seen.ended, seen.code = "error", data["error"]["code"]
        if usage := data.get("usage"):
            seen.cost_usd = usage.get("cost")
        choices = data.get("choices") or [{}]
        seen.tokens += bool(choices[0].get("delta", {}).get("content"))
        if question.leave_after is not None and seen.tokens >= question.leave_after:
            seen.ended = "left"
            return
