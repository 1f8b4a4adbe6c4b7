"""What a simulated answer says, as its request asks for it: words, JSON, or a call."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from deployments.backends.schema_sample import sample
from deployments.backends.simulated_choice import Call, Choice
from deployments.errors import InvalidRequest

CHARACTERS_PER_TOKEN = 4


def choices_of(
    body: dict[str, Any],
    answer_id: str,
    words: Callable[[], list[str]],
    *,
    form_field: str = "response_format",
) -> list[Choice]:
    """As many as `n` says. `words` draws the tokens of one where words will do.

    A function is called only where `tool_choice` forces that. InvalidRequest where
    what is asked for cannot be made; `form_field`: what the client calls the form.
    """
    function = _forced(body)
    fixed = _in_form(body, function, words, form_field)
    stops = [] if function else _stops(body)
    # OpenAI's words: a call that the client has named itself is no reason to end.
    done = "tool_calls" if body.get("tool_choice") == "required" else "stop"
    choices = []
    for index in range(body.get("n") or 1):
        tokens, whole = _cut(words() if fixed is None else fixed, _limit(body), stops)
        call = Call(f"call_{answer_id}{index}", function["name"]) if function else None
        finish = done if whole else "length"
        choices.append(Choice(index, tokens, finish, call, _top_logprobs(body)))
    return choices


def _forced(body: dict[str, Any]) -> dict[str, Any] | None:
    """The function that has to be called: the one that is named, or the first."""
    choice = body.get("tool_choice")
    wanted = choice.get("function") if isinstance(choice, dict) else None
    name = wanted.get("name") if isinstance(wanted, dict) else None
    if name is None and choice != "required":
        return None
    for tool in body.get("tools") or ():
        function = tool.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        if name in (None, function["name"]):
            return function
    what = "tool_choice: the function that it asks for is not among `tools`."
    raise InvalidRequest(what, param="tool_choice", code="invalid_value")


def _in_form(
    body: dict[str, Any],
    function: dict[str, Any] | None,
    words: Callable[[], list[str]],
    form_field: str,
) -> list[str] | None:
    """The tokens of arguments or of JSON; None where neither is asked for."""
    if function is not None:
        return _pieces(_sampled(function.get("parameters"), "tools"))
    form = body.get("response_format") or {}
    if form.get("type") == "json_object":
        return _pieces(orjson.dumps({"text": "".join(words())}))
    if form.get("type") == "json_schema":
        described = form.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        return _pieces(_sampled(schema, form_field))
    return None


def _sampled(schema: Any, param: str) -> bytes:
    try:
        return orjson.dumps(sample(schema))
    except (TypeError, ValueError):  # the former of a number that JSON cannot hold
        what = f"{param}: the simulator finds no value that fits the JSON schema."
        raise InvalidRequest(what, param=param, code="invalid_value") from None


def _pieces(json: bytes) -> list[str]:
    text, size = json.decode(), CHARACTERS_PER_TOKEN
    return [text[start : start + size] for start in range(0, len(text), size)]


def _stops(body: dict[str, Any]) -> list[str]:
    stop = body.get("stop")
    stops = stop if isinstance(stop, list) else [stop]
    return [text for text in stops if isinstance(text, str) and text]


def _limit(body: dict[str, Any]) -> int | None:
    """0 is one: a text completion may ask for its prompt alone."""
    limits = map(body.get, ("max_completion_tokens", "max_tokens"))
    stated = (limit for limit in limits if isinstance(limit, int) and limit >= 0)
    return next(stated, None)


def _top_logprobs(body: dict[str, Any]) -> int | None:
    if body.get("logprobs") is not True:
        return None
    wanted = body.get("top_logprobs")
    return wanted if isinstance(wanted, int) else 0


def _cut(
    tokens: Sequence[str], limit: int | None, stops: Sequence[str]
) -> tuple[tuple[str, ...], bool]:
    """What goes out; False if only for the limit it is not more."""
    kept = tuple(tokens[:limit])
    text = "".join(kept) if stops else ""
    ends = [place for stop in stops if (place := text.find(stop)) >= 0]
    if not ends:
        return kept, len(kept) == len(tokens)
    size = min(ends)
    before = []
    for token in kept:
        if size <= 0:
            break
        before.append(token[:size])
        size -= len(token)
    return tuple(before), True
