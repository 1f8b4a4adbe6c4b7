"""What one answer says, and what it counts and costs: drawn from its request alone."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from deployments.backends.schema_sample import sample
from scripts.upstream.settings import ModelSettings

_WORDS = ("add", "and", "as", "asked", "check", "each", "in", "part", "sum", "that")
_CHARACTERS_PER_TOKEN = 4
TOOL_KEYWORD = b"use the tool"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the answer calls; the arguments are the answer's tokens."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Script:
    """One answer in all its choices, which say the same."""

    id: str
    created: int
    model: str
    provider: str
    tokens: tuple[str, ...]  # of one choice
    choices: int
    prompt_tokens: int
    finish_reason: str
    tool: ToolCall | None
    logprobs: bool
    states_cost: bool
    states_usage: bool
    settings: ModelSettings

    @property
    def text(self) -> str:
        """The whole of one choice."""
        return "".join(self.tokens)

    @property
    def completion_tokens(self) -> int:
        """Of all choices."""
        return len(self.tokens) * self.choices

    def charge_usd(self, produced: int) -> float:
        """For the prompt and `produced` tokens."""
        return self.settings.charge_usd(self.prompt_tokens, produced)

    def usage(self) -> dict[str, Any]:
        """OpenAI's usage; and OpenRouter's `cost`, if it was asked for."""
        usage: dict[str, Any] = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }
        if self.states_cost:
            usage["cost"] = self.charge_usd(self.completion_tokens)
            usage["is_byok"] = False
        return usage

    def endless(self) -> Iterator[str]:
        """Its tokens over and over."""
        while True:
            yield from self.tokens


def write_script(
    data: dict[str, Any], body: bytes, settings: ModelSettings, said: str | None
) -> Script:
    """The answer to a request for chat, text or response."""
    digest = hashlib.blake2b(body, digest_size=8).digest()
    tool = _tool(data, body, digest.hex())
    tokens = _tokens(data, tool) or _said(digest, settings, said)
    limit = data.get("max_completion_tokens") or data.get("max_tokens")
    limit = limit or data.get("max_output_tokens")
    cut = isinstance(limit, int) and 0 < limit < len(tokens)
    finish = "length" if cut else "tool_calls" if tool else "stop"
    wanted = data.get("usage")
    options = data.get("stream_options")
    # The Responses API states usage and cost always; elsewhere they are asked for.
    asked = "input" in data
    asked |= isinstance(wanted, dict) and wanted.get("include") is True
    told = isinstance(options, dict) and options.get("include_usage") is True
    return Script(
        id=f"gen-{time.time_ns():x}-{digest.hex()}",
        created=int(time.time()),
        model=str(data["model"]),
        provider=settings.provider,
        tokens=tokens[:limit] if cut else tokens,
        choices=data["n"] if isinstance(data.get("n"), int) else 1,
        prompt_tokens=_prompt_tokens(data),
        finish_reason=finish,
        tool=tool,
        logprobs=bool(data.get("logprobs")),
        states_cost=asked,
        states_usage=asked or told or not data.get("stream"),
        settings=settings,
    )


def _prompt_tokens(data: dict[str, Any]) -> int:
    asked = data.get("messages") or data.get("prompt") or data.get("input") or ""
    return max(1, len(orjson.dumps(asked)) // _CHARACTERS_PER_TOKEN)


def _tool(data: dict[str, Any], body: bytes, digest: str) -> ToolCall | None:
    """The first tool offered, if the request demands one or a message asks for it."""
    choice = data.get("tool_choice")
    demanded = choice == "required" or isinstance(choice, dict)
    wanted = demanded or (choice != "none" and TOOL_KEYWORD in body)
    if not data.get("tools") or not wanted:
        return None
    return ToolCall(f"call_{digest}", _function(data)["name"])


def _function(data: dict[str, Any]) -> dict[str, Any]:
    """The tool asked for by name, or the first; Responses leave out one level."""
    tools = [tool.get("function", tool) for tool in data["tools"]]
    choice = data.get("tool_choice")
    named = (
        choice.get("function", choice).get("name") if isinstance(choice, dict) else 0
    )
    return next((tool for tool in tools if tool["name"] == named), tools[0])


def _tokens(data: dict[str, Any], tool: ToolCall | None) -> tuple[str, ...]:
    """Of arguments or of a form that is asked for; none where neither is."""
    if tool is not None:
        return _pieces(orjson.dumps(sample(_function(data).get("parameters"))).decode())
    if (schema := _schema(data)) is not None:
        return _pieces(orjson.dumps(sample(schema)).decode())
    return ()


def _said(digest: bytes, settings: ModelSettings, said: str | None) -> tuple[str, ...]:
    if said is not None:
        return _pieces(said)
    count = settings.completion_tokens
    picks = [digest[i % len(digest)] + i for i in range(count)]
    return tuple(" " + _WORDS[pick % len(_WORDS)] for pick in picks)


def _schema(data: dict[str, Any]) -> dict[str, Any] | None:
    """Of chat's `response_format`, or of the Responses' `text.format`."""
    form = data.get("response_format") or (data.get("text") or {}).get("format") or {}
    if form.get("type") != "json_schema":
        return None
    schema: dict[str, Any] = form.get("json_schema", form)["schema"]
    return schema


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(text[i : i + 4] for i in range(0, len(text), 4))
