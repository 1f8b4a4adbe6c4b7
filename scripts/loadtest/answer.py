"""An answer as it comes: when the first token, which pauses, and how it ended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

_DATA = b"data: "
_DONE = b"[DONE]"
_OK = 200


@dataclass(slots=True)
class Streamed:
    """A stream. `problem` is None if it ended as it should, with `[DONE]`."""

    first_token_s: float | None = None
    pauses_s: list[float] = field(default_factory=list)
    size: int = 0
    problem: str | None = "ended without [DONE]"


def read_stream(
    lines: Iterator[bytes], began: float, clock: Callable[[], float]
) -> Streamed:
    """Read to the end. An error event is a problem, whatever comes after it."""
    seen = Streamed()
    last: float | None = None
    error: str | None = None
    for event in _events(lines, seen):
        if event is None:
            seen.problem = None
        elif "error" in event:
            error = f"error event: {_said(event['error'])}"
        elif _has_token(event):
            now = clock()
            if last is None:
                seen.first_token_s = now - began
            else:
                seen.pauses_s.append(now - last)
            last = now
    if seen.problem is None and last is None:
        seen.problem = "no token came"
    seen.problem = error or seen.problem
    return seen


def _events(lines: Iterator[bytes], seen: Streamed) -> Iterator[dict[str, Any] | None]:
    """The events' data; None for `[DONE]`."""
    for line in lines:
        seen.size += len(line)
        if line.startswith(_DATA):
            data = line[len(_DATA) :].strip()
            yield None if data == _DONE else _mapping(orjson.loads(data))


def _has_token(event: dict[str, Any]) -> bool:
    choices = event.get("choices")
    if not isinstance(choices, list) or not choices:
        return False
    delta = _mapping(_mapping(choices[0]).get("delta"))
    return any(delta.get(name) for name in ("content", "reasoning", "tool_calls"))


def unary_problem(status: int, content: bytes) -> str | None:
    """What is wrong with an answer in one piece; None if nothing is."""
    try:
        data = _mapping(orjson.loads(content))
    except orjson.JSONDecodeError:
        return f"status {status}, not JSON"
    if "error" in data:
        return f"status {status}: {_said(data['error'])}"
    if not data.get("choices"):
        return f"status {status}, no choices"
    return None if status == _OK else f"status {status}, though with choices"


def _mapping(value: Any) -> dict[str, Any]:
    """What is none has no fields: not everything on the way speaks OpenAI's JSON."""
    return value if isinstance(value, dict) else {}


def _said(error: Any) -> str:
    """Its code, or what a proxy says in the place of it."""
    return str(error.get("code") if isinstance(error, dict) else error)[:80]
