"""The ways in which an upstream fails, and how a request asks for one.

A fault is written `NAME[,before|after][,tokens=N][,model=ID][,times=N]`:

    429,model=openai/gpt-4o     before the first byte, for this model only
    cut-rst,after,tokens=3      the connection is reset after three tokens
    500,times=2                 the first two requests with this very text

in the header `x-fault`, in `metadata.fault` (which passes through a gateway), or as
`[[fault: …]]` in a message.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """Relative to the first byte of the answer's body."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault is called, where it may strike, and in what mode."""

    phases: tuple[Phase, ...]
    what: str
    stream_only: bool = False


_BOTH = (Phase.BEFORE, Phase.AFTER)
_BEFORE = (Phase.BEFORE,)
_AFTER = (Phase.AFTER,)

STATUSES = {
    "400": "the request is refused",
    "400-model": "OpenRouter's 400 for a model that it does not know",
    "401": "the key is refused",
    "402": "the account has no credits",
    "403": "moderation refuses the prompt",
    "404": "no such model",
    "408": "the provider timed out",
    "413": "Groq's 413 for more tokens than a minute allows",
    "429": "rate limit, Retry-After in seconds",
    "429-date": "rate limit, Retry-After as a date",
    "500": "internal error, JSON",
    "502-html": "bad gateway, a proxy's HTML page",
    "503": "no provider available",
    "504": "gateway timeout",
}

KINDS: dict[str, Kind] = {
    **{name: Kind(_BEFORE, what) for name, what in STATUSES.items()},
    "hang": Kind(_BOTH, "no byte more, the connection stays open"),
    "comments": Kind(_BOTH, "SSE comments for ever, no token", stream_only=True),
    "endless": Kind(_AFTER, "tokens for ever", stream_only=True),
    "cut-fin": Kind(_BOTH, "the connection is closed"),
    "cut-rst": Kind(_BOTH, "the connection is reset"),
    "stream-reset": Kind(_BOTH, "HTTP/2 RST_STREAM (HTTP/1.1: as cut-rst)"),
    "goaway": Kind(_BOTH, "HTTP/2 GOAWAY, this answer is completed"),
    "goaway-abrupt": Kind(_BOTH, "HTTP/2 GOAWAY that disowns this request, closed"),
    "malformed-json": Kind(_BOTH, "JSON that is none"),
    "malformed-framing": Kind(_BOTH, "bytes that are no HTTP chunk or frame"),
    "error-chunk": Kind(_BOTH, "OpenRouter's error object with status 200"),
    "announced-error": Kind(
        _BEFORE, "the same after what announces an answer", stream_only=True
    ),
    "drip": Kind(_BEFORE, "all bytes, split at odd places"),
    "wrong-type": Kind(_BEFORE, "200 and an HTML page"),
    "empty": Kind(_BEFORE, "200 and no body"),
    "no-done": Kind(_AFTER, "a stream without [DONE]", stream_only=True),
    "no-usage": Kind(_AFTER, "an answer without usage"),
}


class FaultSyntaxError(ValueError):
    """A fault that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault to commit."""

    name: str
    phase: Phase
    tokens: int = 3  # sent before a fault after the first byte
    model: str | None = None
    times: int | None = None

    @property
    def charged_as_answered(self) -> bool:
        """Whether the client gets all tokens in spite of it."""
        return self.name in {"goaway", "drip", "no-done", "no-usage"}


def parse_fault(text: str) -> Fault:
    """Reads a fault; FaultSyntaxError says what is wrong with it."""
    name, *options = (part.strip() for part in text.split(","))
    if name not in KINDS:
        raise FaultSyntaxError(f"no fault is called {name!r}")
    phase = KINDS[name].phases[0]
    values: dict[str, str] = {}
    for option in options:
        if option in {"before", "after"}:
            phase = Phase(option)
        else:
            key, _, values[key] = option.partition("=")
    if phase not in KINDS[name].phases:
        raise FaultSyntaxError(f"{name} does not strike {phase.value} the first byte")
    unknown = values.keys() - {"tokens", "model", "times", "key"}
    if unknown:
        raise FaultSyntaxError(f"no option is called {min(unknown)!r}")
    try:
        tokens = int(values.get("tokens", "3"))
        times = int(values["times"]) if "times" in values else None
    except ValueError:
        raise FaultSyntaxError("tokens and times are whole numbers") from None
    return Fault(name, phase, tokens, values.get("model"), times)


_MARKER = re.compile(rb"\[\[fault: ([^\]\"]+)\]\]")


def marked_fault(body: bytes) -> str | None:
    """The text of `[[fault: …]]` in a body."""
    found = _MARKER.search(body)
    return found.group(1).decode(errors="replace") if found else None
