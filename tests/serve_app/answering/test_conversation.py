"""What of a conversation is embedded, and what makes it the same conversation."""

import pytest

from serve_app.answering.chat import ChatRequest, Message
from serve_app.answering.conversation import (
    MAX_CHARACTERS,
    beginning,
    conversation_key,
    routing_text,
)

LONG = (
    "What does this function return when the list that it is given is empty, and why?"
)


def messages(*turns: tuple[str, object]) -> list[Message]:
    return [Message(role=role, content=content) for role, content in turns]


def key(*turns: tuple[str, object], tenant: str = "t", **routing: object) -> str | None:
    request = ChatRequest(messages=messages(*turns), routing=routing)
    return conversation_key(tenant, request)


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        ([("system", "s"), ("user", "a"), ("assistant", "b"), ("user", LONG)], LONG),
        ([("user", LONG), ("assistant", "b"), ("user", "Why?")], f"{LONG}\nWhy?"),
        ([("user", [{"type": "text", "text": "x"}, {"type": "image_url"}])], "x"),
        ([("user", "a"), ("tool", "result")], "a"),
        ([("system", "s"), ("user", None)], "s"),
        ([("user", None)], ""),
        ([("system", "s"), ("assistant", "a"), ("tool", "last")], "last"),
    ],
)
def test_the_last_user_message_is_embedded_with_context_if_it_is_short(turns, text):
    assert routing_text(messages(*turns)) == text


def test_the_context_of_a_short_message_is_bounded():
    turns = [("user", "x" * 5000), ("user", "y" * 300), ("user", "And why?")]

    text = routing_text(messages(*turns))

    assert text.endswith("y" * 300 + "\nAnd why?")
    assert len(text) <= 602


def test_of_a_very_long_text_head_and_tail_are_kept():
    text = routing_text(messages(("user", "head " + "x" * 2**19 + " tail?")))

    assert len(text) == MAX_CHARACTERS + 1
    assert text.startswith("head")
    assert text.endswith("tail?")


TURNS = (("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"))


def test_the_turns_of_a_conversation_have_one_key():
    later = (*TURNS, ("assistant", "d"), ("user", "e"))

    assert key(*TURNS) == key(*later) is not None
    assert key(*TURNS) != key(("system", "z"), *TURNS[1:])
    assert key(*TURNS) != key(*TURNS, tenant="other")


def test_a_first_message_belongs_to_no_conversation_unless_the_client_says_so():
    assert key(("user", "a")) is None
    assert key(("user", "a"), session_id="s") == key(("user", "z"), session_id="s")


def begun(*turns: tuple[str, object], tenant: str = "t", **fields: object) -> str:
    return beginning(tenant, ChatRequest(messages=messages(*turns), **fields))


def test_all_requests_of_a_conversation_begin_alike_its_first_among_them():
    assert begun(*TURNS[:2]) == begun(*TURNS) == key(*TURNS)


@pytest.mark.parametrize(
    "other",
    [
        begun(("system", "s"), ("user", "A")),
        begun(("system", "S"), ("user", "a")),
        begun(*TURNS, tenant="u"),
        begun(*TURNS, routing={"session_id": "1"}),
    ],
)
def test_other_conversations_begin_otherwise(other):
    assert begun(*TURNS) != other


def test_a_developer_s_message_is_a_system_prompt():
    turns = [("user", "a"), ("assistant", "b"), ("user", "c")]

    assert key(("developer", "s"), *turns) == key(("system", "s"), *turns)
    assert key(("developer", "s"), *turns) != key(("developer", "z"), *turns)


def test_a_session_is_one_conversation_and_a_user_is_none():
    session = {"session_id": "1"}

    assert begun(("user", "a"), routing=session) == begun(*TURNS, routing=session)
    assert begun(("user", "a"), user="me") != begun(("user", "b"), user="me")
