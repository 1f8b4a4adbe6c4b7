"""What the other paths ask of the simulator, in the words of chat completions."""

from typing import Any

from deployments.errors import InvalidRequest
from deployments.protocol.backend import Surface

# OpenAI's bound of `n`: who sends a million prompts gets no million answers.
_MOST_ANSWERS = 128
_LOGPROBS = "message.output_text.logprobs"


def in_chat_words(body: dict[str, Any], surface: Surface) -> dict[str, Any]:
    """As far as the simulator reads a request.

    InvalidRequest where it asks for more answers than are made.
    """
    if surface == "completions":
        return _of_completion(body)
    return _of_response(body) if surface == "responses" else body


def _of_completion(body: dict[str, Any]) -> dict[str, Any]:
    n = (body.get("n") or 1) * _n_prompts(body["prompt"])
    if n > _MOST_ANSWERS:
        what = f"prompt: the simulator gives at most {_MOST_ANSWERS} answers, not {n}."
        raise InvalidRequest(what, param="prompt", code="invalid_value")
    read = ("max_tokens", "stop", "response_format")
    return {"n": n, **{name: body.get(name) for name in read}}


def _n_prompts(prompt: str | list[Any]) -> int:
    """A text is one, and so are the token ids of a text."""
    if isinstance(prompt, str) or all(isinstance(token, int) for token in prompt):
        return 1
    return len(prompt)


def _of_response(body: dict[str, Any]) -> dict[str, Any]:
    form = (body.get("text") or {}).get("format")
    form = form if isinstance(form, dict) else {}
    include = body.get("include")
    return {
        "tools": [
            {"type": "function", "function": tool}
            for tool in body.get("tools") or ()
            if tool.get("type") == "function"
        ],
        "tool_choice": _tool_choice(body.get("tool_choice")),
        "response_format": {"type": form.get("type"), "json_schema": form},
        "max_tokens": body.get("max_output_tokens"),
        "logprobs": isinstance(include, list) and _LOGPROBS in include,
        "top_logprobs": body.get("top_logprobs"),
    }


def _tool_choice(choice: Any) -> Any:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": choice}
    return choice if isinstance(choice, str) else None
