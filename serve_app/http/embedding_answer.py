"""The answer to `POST /v1/embeddings`, rendered as its vectors come.

Two thousand vectors are megabytes of numbers: rendered at once, they would hold up all
other requests of the process, in a thread too, as orjson keeps the interpreter's lock.
"""

import asyncio
import base64

import numpy as np
import orjson
from numpy.typing import NDArray

# Rendered between two turns of the event loop: some tenths of a millisecond.
_NUMBERS = 8192


class Rendering:
    """OpenAI's list of embeddings, in JSON; the numbers as they are, or as base64."""

    def __init__(self, *, as_base64: bool) -> None:
        self._as_base64 = as_base64
        self._count = 0
        self._parts = [b'{"object":"list","data":[']

    async def add(self, rows: NDArray[np.float32]) -> None:
        """The next vectors, (n, d)."""
        at_once = max(1, _NUMBERS // rows.shape[1])
        for start in range(0, len(rows), at_once):
            if start:
                await asyncio.sleep(0)
            for row in np.ascontiguousarray(rows[start : start + at_once]):
                self._add(row)

    async def answer(self, model: str, tokens: int) -> bytes:
        """All of it."""
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        rest = orjson.dumps({"model": model, "usage": usage})
        parts = [*self._parts, b"],", rest[1:]]
        # To join many does not hold the lock, and takes as long as to render them.
        return await asyncio.to_thread(b"".join, parts)

    def _add(self, row: NDArray[np.float32]) -> None:
        item = {
            "object": "embedding",
            "index": self._count,
            "embedding": _base64(row) if self._as_base64 else row,
        }
        if self._count:
            self._parts.append(b",")
        self._parts.append(orjson.dumps(item, option=orjson.OPT_SERIALIZE_NUMPY))
        self._count += 1


def _base64(row: NDArray[np.float32]) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode()
