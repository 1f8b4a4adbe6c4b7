"""The health of a VLLMReplica; Ray's server and vLLM are stand-ins: neither is here."""

import asyncio
import importlib
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

NAME = "deployments.backends.vllm_replica"


class Server:
    """Of Ray's LLMServer what matters here: it asks whether the engine's processes
    live, and passes on a question that the engine itself has to answer."""

    dead = False

    def __init__(self) -> None:
        self.steps_end = asyncio.Event()

    async def check_health(self) -> None:
        if self.dead:
            raise RuntimeError("the engine is dead")

    async def is_sleeping(self) -> bool:
        await self.steps_end.wait()
        return False


_STAND_INS: dict[str, dict[str, Any]] = {
    "ray.serve.llm": {"LLMConfig": object},
    "ray.serve.llm.deployment": {"LLMServer": Server},
    "ray.serve.llm.openai_api_models": {
        "ChatCompletionRequest": object,
        "CompletionRequest": object,
    },
    "vllm": {},
    "vllm.entrypoints": {},
    "vllm.entrypoints.serve": {},
    "vllm.entrypoints.serve.exception_handling": {"error_response": None},
    "vllm.exceptions": {"VLLMError": Exception},
}


@pytest.fixture
def replica() -> Iterator[Any]:
    """One whose engine is at a step."""
    with pytest.MonkeyPatch.context() as patched:
        for name, members in _STAND_INS.items():
            module = ModuleType(name)
            vars(module).update(members)
            patched.setitem(sys.modules, name, module)
        patched.setitem(sys.modules, NAME, ModuleType(NAME))  # forgotten afterwards
        del sys.modules[NAME]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray's own, of what it imports
            made = importlib.import_module(NAME).VLLMReplica
        replica = made.__new__(made)
        Server.__init__(replica)
        yield replica


async def test_an_engine_between_two_steps_is_healthy(replica):
    replica.steps_end.set()

    await replica.check_health()


async def test_one_whose_step_never_ends_leaves_the_check_unanswered(replica):
    """So Serve's health_check_timeout_s passes, and another replica is started."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await replica.check_health()


async def test_one_that_is_dead_is_not_asked(replica):
    replica.dead = True

    with pytest.raises(RuntimeError):
        await replica.check_health()
