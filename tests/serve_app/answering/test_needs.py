"""What a request asks of a model."""

import pytest

from serve_app.answering.chat import ChatRequest
from serve_app.answering.needs import needed_capabilities


def request(*parts: dict, **body: object) -> ChatRequest:
    messages = [{"role": "user", "content": list(parts)}]
    return ChatRequest.model_validate({"messages": messages, **body})


def conversation(*roles: str) -> ChatRequest:
    messages = [{"role": role, "content": "x"} for role in ("user", *roles)]
    return ChatRequest.model_validate({"messages": messages})


def heard(audio: object) -> ChatRequest:
    """A conversation in which the model has spoken, as it may come back."""
    messages = [{"role": "assistant", "audio": audio}, {"role": "user", "content": "?"}]
    return ChatRequest.model_validate({"messages": messages})


@pytest.mark.parametrize(
    ("made", "needed"),
    [
        (request(), set()),
        (request({"type": "text", "text": "x"}), set()),
        (request({"type": "image_url"}), {"vision"}),
        (request({"type": "input_audio"}), {"audio"}),
        (request({"type": "audio_url"}), {"audio"}),
        (request({"type": "video_url"}), {"video"}),
        (request({"type": "input_video"}), {"video"}),
        (request({"type": "file"}), {"files"}),
        (request(modalities=["text"]), set()),
        (request(modalities=["text", "audio"]), {"audio_output"}),
        (request(modalities=["image", "text"]), {"image_output"}),
        (request(modalities=None, audio=None), set()),
        (request(audio={"voice": "alloy", "format": "wav"}), {"audio_output"}),
        (heard({"id": "audio_1"}), {"audio_output"}),
        (heard(None), set()),
        (request(tools=[{}]), {"tools"}),
        (request(functions=[{"name": "f"}]), {"tools"}),
        (conversation("tool"), {"tools"}),
        (conversation("function"), {"tools"}),
        (conversation("assistant"), set()),
        (request(response_format={"type": "json_schema"}), {"json_schema"}),
        (request(response_format={"type": "json_object"}), set()),
    ],
)
def test_what_a_model_must_be_able_to_do(made, needed):
    assert needed_capabilities(made) == needed
