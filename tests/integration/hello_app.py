"""A two-part Serve application: the smallest that makes one deployment call another."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import StreamingResponse


@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Doubler:
    def __call__(self, number: int) -> int:
        return 2 * number


@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Hello:
    def __init__(self, doubler: Any, word: str) -> None:
        if word == "fail":
            raise ValueError("no such word: fail")
        self._doubler = doubler
        self._word = word

    async def __call__(self, request: Request) -> dict[str, object] | StreamingResponse:
        if seconds := request.query_params.get("seconds"):
            return StreamingResponse(self._slowly(float(seconds)))
        return {"word": self._word, "number": await self._doubler.remote(21)}

    async def _slowly(self, seconds: float) -> AsyncIterator[str]:
        yield self._word
        await asyncio.sleep(seconds)
        yield "the end"


def build_app(args: dict[str, str]) -> serve.Application:
    doubler: Any = Doubler
    hello: Any = Hello
    return hello.bind(doubler.bind(), args["word"])
