"""What vLLM's engine says when it refuses a request."""

from typing import Any

from deployments.backends.upstream_errors import error_of
from deployments.backends.upstream_said import said_of
from deployments.backends.upstream_wordings import Meaning, meaning_of
from deployments.errors import (
    InvalidRequest,
    Overloaded,
    PromptTooLong,
    ServingError,
)


def refusal(error: dict[str, Any], *, max_model_len: int) -> ServingError:
    """vLLM's error object in our words; its message may quote the prompt, so no."""
    code, param = error.get("code"), error.get("param")
    meaning, _ = meaning_of(said_of(error))
    if param in {"input_tokens", "input_text"} or meaning is Meaning.TOO_LONG:
        return PromptTooLong(
            f"This model's maximum context length is {max_model_len} tokens; the "
            "prompt and the requested answer together are longer.",
            param="messages",
        )
    if param in {"max_tokens", "max_completion_tokens"}:
        what = f"{param} does not fit: the model holds {max_model_len} tokens in all."
        return InvalidRequest(what, param=param, code="invalid_value")
    if code == 503:
        what = "The engine takes no more requests now."
        return Overloaded(what, retry_after_s=1.0)
    translated = error_of(code if isinstance(code, int) else 500)
    if isinstance(translated, InvalidRequest) and isinstance(param, str):
        translated.param = param
    return translated
