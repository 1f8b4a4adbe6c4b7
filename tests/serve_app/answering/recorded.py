"""A request whose usage record is looked at."""

import asyncio
import json

from deployments.usage.record import UsageRecord
from serve_app.answering.call import Call
from serve_app.answering.chat import parse_chat
from serve_app.answering.planning import Asked
from tests.fakes import ScriptedBackend, gateway


class Records(list[UsageRecord]):
    """A sink."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def append(self, record: UsageRecord) -> None:
        super().append(record)
        self._changed.set()

    def check(self) -> None:
        pass

    async def are(self, n: int) -> None:
        while len(self) < n:
            self._changed.clear()
            await self._changed.wait()


def call_of(made, **body: object) -> Call:
    message = {"role": "user", "content": "the prompt"}
    chat = parse_chat(json.dumps({"messages": [message], **body}).encode())
    view = made.directory
    plan = made.plan(view, view.authenticate("Bearer k"), chat, Asked())
    return Call(plan, chat, view, "req-1")


async def streamed(backend: ScriptedBackend, records: Records) -> list[object]:
    made = gateway(backend=backend, sink=records)
    started = await made.completions.start_stream(call_of(made, stream=True))
    return [item async for item in started.frames]
