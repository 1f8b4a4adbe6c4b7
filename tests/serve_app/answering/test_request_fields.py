"""What is wrong with a request costs no more than what is right."""

import json
import tracemalloc
from collections.abc import Callable

import pytest

from deployments.errors import InvalidRequest
from serve_app.answering.chat import parse_chat
from serve_app.answering.request_fields import MAX_MESSAGES
from serve_app.http.surfaces.completions import parse_completion
from serve_app.http.surfaces.responses import parse_responses

WRONG = [1] * 20_000
UNKNOWN = {f"field{i}": 1 for i in range(20_000)}
CHAT = {"messages": [{"role": "user", "content": "hi"}]}
MOST_BYTES = 8 * 2**20  # with an error for each it would be 12 MiB and more


@pytest.mark.parametrize(
    ("parse", "body", "param"),
    [
        (parse_chat, {"messages": WRONG}, "messages[0]"),
        (parse_chat, {"messages": [{}] * 20_000}, "messages[0].role"),
        (
            parse_chat,
            {"messages": [{"role": "user", "content": WRONG}]},
            "messages[0].content",
        ),
        (parse_chat, {**CHAT, "tools": WRONG}, "tools[0]"),
        (parse_chat, {**CHAT, "routing": {"models": WRONG}}, "routing.models[0]"),
        (parse_chat, {**CHAT, "routing": {"exclude": WRONG}}, "routing.exclude[0]"),
        (parse_chat, {**CHAT, "routing": UNKNOWN}, "routing"),
        (parse_completion, {"prompt": "hi", "routing": UNKNOWN}, "routing"),
        (parse_responses, {"input": "hi", "tools": WRONG}, "tools[0]"),
        (
            parse_responses,
            {"input": [{"role": "user", "content": WRONG}]},
            "input[0].content",
        ),
    ],
)
def test_of_many_things_that_are_wrong_only_the_first_is_looked_for(
    parse: Callable[[bytes], object], body: dict[str, object], param: str
):
    content = json.dumps(body).encode()
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest) as raised:
            parse(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert raised.value.param == param
    assert peak < MOST_BYTES


@pytest.mark.parametrize(
    ("parse", "field"), [(parse_chat, "messages"), (parse_responses, "input")]
)
def test_there_is_an_end_to_the_number_of_messages(parse, field):
    message = {"role": "user", "content": "a"}
    most = json.dumps({field: [message] * MAX_MESSAGES}).encode()
    more = json.dumps({field: [message] * (MAX_MESSAGES + 1)}).encode()

    assert len(parse(most).request.messages) == MAX_MESSAGES
    with pytest.raises(InvalidRequest, match="at most 100000 items") as raised:
        parse(more)
    assert raised.value.param == field
