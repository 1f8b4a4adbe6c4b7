"""Spans' names and attributes by OpenTelemetry's conventions for generative AI.

What the conventions have no word for begins with `avengers.`.
"""

from typing import Any

import orjson

from deployments.protocol.backend import BackendRequest, Settlement
from deployments.telemetry.spans import Value

Fields = dict[str, Value | None]

# A field of the request → its attribute; others are the client's affair.
_PARAMETERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "stream": "gen_ai.request.stream",
}


def asked(request: BackendRequest, *, prompts: bool) -> tuple[str, Fields]:
    """A model is asked; its messages are told only if `prompts`."""
    operation = "text_completion" if request.surface == "completions" else "chat"
    attributes: Fields = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": request.upstream_model,
        "avengers.model": request.model,
        "avengers.request_id": request.request_id,
    }
    body: dict[str, Any] = orjson.loads(request.body)
    for field, name in _PARAMETERS.items():
        if isinstance(body.get(field), bool | int | float):
            attributes[name] = body[field]
    if prompts and isinstance(body.get("messages"), list):
        said = [each for each in body["messages"] if isinstance(each, dict)]
        messages = [_message(message) for message in said]
        attributes["gen_ai.input.messages"] = orjson.dumps(messages).decode()
    return f"{operation} {request.upstream_model}", attributes


def answered(settlement: Settlement) -> Fields:
    """It has answered."""
    fields: Fields = {
        "gen_ai.provider.name": settlement.provider,
        "gen_ai.response.id": settlement.generation_id,
        "gen_ai.response.time_to_first_chunk": settlement.upstream_s,
        "avengers.cost_usd": settlement.cost_usd,
        "avengers.cost_source": settlement.cost_source,
    }
    if usage := settlement.usage:
        fields |= {
            "gen_ai.usage.input_tokens": usage.prompt_tokens,
            "gen_ai.usage.output_tokens": usage.completion_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        }
    return fields


def embedded(encoder: str, n_texts: int) -> tuple[str, Fields]:
    """Texts are embedded."""
    return f"embeddings {encoder}", {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.request.model": encoder,
        "avengers.batch_size": n_texts,
    }


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """One of OpenAI's messages in the conventions' shape; only text is told."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return {
        "role": message.get("role"),
        "parts": [
            {"type": "text", "content": text} for text in texts if isinstance(text, str)
        ],
    }
