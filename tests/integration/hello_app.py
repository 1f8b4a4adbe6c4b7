"""A two-part Serve application: the smallest that makes one deployment call another."""

from typing import Any

from ray import serve
from starlette.requests import Request


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

    async def __call__(self, _request: Request) -> dict[str, object]:
        return {"word": self._word, "number": await self._doubler.remote(21)}


def build_app(args: dict[str, str]) -> serve.Application:
    doubler: Any = Doubler
    hello: Any = Hello
    return hello.bind(doubler.bind(), args["word"])
