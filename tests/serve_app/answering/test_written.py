"""What is read of an event: what the model wrote, and nothing else."""

import json

import pytest

from serve_app.answering.written import data_of, written


def chat(**delta: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta}]}


def call(**function: object) -> dict[str, object]:
    return chat(tool_calls=[{"index": 0, "id": "call-1", "function": function}])


@pytest.mark.parametrize(
    ("chunk", "texts"),
    [
        (chat(role="assistant", content="a"), ["a"]),
        (chat(role="assistant"), []),
        (chat(content=None, reasoning="r"), ["r"]),
        (chat(content="", reasoning="r", reasoning_content="r"), ["", "r"]),
        (chat(reasoning="r", reasoning_details=[{"text": "r"}]), ["r"]),
        (chat(refusal="no"), ["no"]),
        (call(name="look", arguments='{"a"'), ["look", '{"a"']),
        ({"choices": [{"text": "a"}, {"text": "b"}]}, ["a", "b"]),
        ({"type": "response.output_text.delta", "delta": "a"}, ["a"]),
        ({"type": "response.completed", "response": {"output": [{"t": "a"}]}}, []),
        ({"choices": [], "usage": {"completion_tokens": 3}}, []),
        ({"choices": None}, []),
        ({"choices": ["a"], "delta": 3}, []),
        (chat(tool_calls={"function": {"name": "a"}}), []),
        (call(name=None, arguments=None), []),
        (chat(content=[{"type": "text", "text": "a"}]), []),
    ],
)
def test_texts_thoughts_and_calls_are_written(chunk, texts):
    assert list(written(chunk)) == texts


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b'event: a\ndata: {"b": 1}', {"b": 1}),
        (b'data:{"b": 1}', {"b": 1}),
        (b"data: [DONE]", {}),
        (b"data: [1]", {}),
        (b": a comment", {}),
        (b"", {}),
    ],
)
def test_data_is_an_object_or_nothing(event, data):
    assert data_of(event) == data


def test_other_letters_are_read_as_they_are():
    event = f"data: {json.dumps(chat(content='žluťoučký'))}".encode()

    assert list(written(data_of(event))) == ["žluťoučký"]
