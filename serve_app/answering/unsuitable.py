"""What a client is told where no model can answer its request."""

from collections import Counter
from collections.abc import Iterable

from deployments.errors import InvalidRequest
from deployments.protocol.backend import PROMPT_FIELDS, Surface

# How reasons begin that have a code of their own. The first is OpenAI's sentence:
# clients that look for no code look for these words, to shorten the conversation.
TOO_LONG = "this model's maximum context length is"
NO_PATH = "its upstream has no"
_TOO_LONG_CODE = "context_length_exceeded"  # OpenAI's


def nothing_left(excluded: dict[str, str], surface: Surface) -> InvalidRequest:
    """Which constraints emptied the list, and how many models each took."""
    reasons = Counter(excluded.values())
    listed = "; ".join(
        f"{count} model{'s' if count > 1 else ''}: {why}"
        for why, count in reasons.most_common()
    )
    message = f"No model is left to answer this request ({listed})."
    code = _code(reasons) or "no_candidate_model"
    param = "routing" if code != _TOO_LONG_CODE else PROMPT_FIELDS[surface]
    return InvalidRequest(message, param=param, code=code)


def cannot_be_used(model: str, why: str, surface: Surface) -> InvalidRequest:
    """The client names a model that cannot answer this request."""
    message = f"The model {model!r} cannot be used here: {why}."
    code = _code([why]) or "model_not_suitable"
    param = "model" if code != _TOO_LONG_CODE else PROMPT_FIELDS[surface]
    return InvalidRequest(message, param=param, code=code)


def is_too_long(why: str) -> bool:
    """Whether this reason is that prompt and answer do not fit the window."""
    return why.startswith(TOO_LONG)


def _code(reasons: Iterable[str]) -> str | None:
    """That of the last constraint: the models that it took had passed all others, so
    whoever mends what it is about has them back."""
    for start, code in _LAST_FIRST.items():
        if any(why.startswith(start) for why in reasons):
            return code
    return None


_LAST_FIRST = {TOO_LONG: _TOO_LONG_CODE, NO_PATH: "unsupported_endpoint"}
