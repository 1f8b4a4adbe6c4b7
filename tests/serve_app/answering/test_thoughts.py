"""What is left of a conversation without what models have thought in it."""

from typing import Any

import pytest

from serve_app.answering.chat import Chat, ChatRequest
from serve_app.answering.thoughts import without_references, without_thoughts

ASKED = {"role": "user", "content": "And by 14?"}
REQUEST = ChatRequest.model_validate({"messages": [ASKED]})
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
OPEN = {"type": "reasoning", "id": "rs_2", "content": [{"type": "reasoning_text"}]}
BARE = {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": None}
TOLD = {**BARE, "summary": [{"type": "summary_text", "text": "by parts"}]}
SAID = {"type": "message", "role": "assistant", "content": [], "id": "msg_1"}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "id": "fc_1"}
DONE = {"type": "function_call_output", "call_id": "c", "output": "9", "id": "fco_1"}
SEARCHED = {"type": "web_search_call", "id": "ws_1"}


def nameless(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "id"}


def chat(**raw: Any) -> Chat:
    return Chat(REQUEST, {"seed": 1, **raw})


def response(**raw: Any) -> Chat:
    return Chat(REQUEST, {"seed": 1, **raw}, "responses")


@pytest.mark.parametrize(
    ("items", "left"),
    [
        ([ASKED, BARE, SAID, ASKED], [ASKED, nameless(SAID), ASKED]),
        ([ASKED, TOLD, SAID], [ASKED, nameless(SAID)]),
        ([BARE, CALL, DONE, CALL, DONE], [nameless(CALL), DONE] * 2),
        # What has an id of need keeps it, and so does what follows no such thought.
        ([BARE, SEARCHED, SAID], [SEARCHED, nameless(SAID)]),
        ([BARE, SAID, SEALED, CALL], [nameless(SAID), SEALED, CALL]),
        ([BARE, ASKED, SAID], [ASKED, SAID]),
        ([SEALED, CALL, DONE, OPEN, SAID], [SEALED, CALL, DONE, OPEN, SAID]),
        ([BARE], [BARE]),  # nothing would be left to answer
    ],
)
def test_a_thought_of_which_only_the_id_came_back_is_left_out(items, left):
    assert without_references(items) == left


def test_a_response_without_thoughts_neither_holds_nor_asks_for_them():
    asked = ["reasoning.encrypted_content", "message.output_text.logprobs"]
    made = without_thoughts(response(input=[ASKED, SEALED, SAID, OPEN], include=asked))

    assert made is not None
    assert made.raw == {
        "seed": 1,
        "input": [ASKED, nameless(SAID)],
        "include": ["message.output_text.logprobs"],
    }


@pytest.mark.parametrize(
    "thought",
    [
        {"reasoning": "by parts"},
        {"reasoning_content": "by parts"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "gAAA"}]},
        {"thinking_blocks": [{"type": "thinking", "signature": "x"}]},
    ],
)
def test_a_message_without_thoughts_has_what_was_said_and_called(thought):
    spoken = {"role": "assistant", "content": "9", "tool_calls": [{"id": "c"}]}
    made = without_thoughts(chat(messages=[ASKED, {**spoken, **thought}]))

    assert made is not None
    assert made.raw == {"seed": 1, "messages": [ASKED, spoken]}


def test_a_thought_may_be_a_part_of_what_was_said():
    thought = {"type": "thinking", "thinking": "by parts", "signature": "x"}
    parts = [thought, {"type": "text", "text": "9"}]
    messages = [{"role": "assistant", "content": content} for content in (parts, "9")]
    made = without_thoughts(chat(messages=messages))

    assert made is not None
    first, second = made.raw["messages"]
    assert (first["content"], second) == (parts[1:], messages[1])


@pytest.mark.parametrize(
    "made",
    [
        chat(messages=[ASKED, {"role": "assistant", "content": [{"type": "text"}]}]),
        chat(messages=[ASKED], reasoning={"effort": "low"}),
        response(input="hi"),
        response(input=[ASKED, SAID, CALL, DONE], include=[]),
        Chat(REQUEST, {"prompt": "hi"}, "completions"),
    ],
)
def test_most_requests_hold_none(made):
    assert without_thoughts(made) is None


def test_a_request_itself_is_not_changed():
    items = [ASKED, SEALED, SAID]
    made = response(input=items, include=["reasoning.encrypted_content"])
    without_thoughts(made)

    assert made.raw["input"] == [ASKED, SEALED, SAID]
    assert made.raw["include"] == ["reasoning.encrypted_content"]
