"""What the fault upstream is asked, and what it has charged for it."""

import asyncio
from typing import Any

CHAT = "/api/v1/chat/completions"


def body(fault: str, *, stream: bool = False, model: str = "m") -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "user", "content": "hi"}],
        "metadata": {"fault": fault},
        "stream": stream,
        "usage": {"include": True},
    }


async def settled(upstream: Any) -> Any:
    """The only entry of the ledger, once it is closed."""
    for _ in range(1000):
        entry = upstream.ledger.entries[-1]
        if entry.outcome is not None:
            return entry
        await asyncio.sleep(0.01)
    raise AssertionError("the upstream still answers")
