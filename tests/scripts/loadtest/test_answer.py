from collections.abc import Iterator

import pytest

from scripts.loadtest.answer import read_stream, unary_problem

TOKEN = b'data: {"choices":[{"delta":{"content":"x"}}]}\n'
EMPTY = b'data: {"choices":[{"delta":{"content":""}}]}\n'
DONE = b"data: [DONE]\n"
ERROR = b'data: {"error":{"code":"upstream_error"}}\n'


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def lines(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        yield part
        yield b"\n"


def test_the_first_token_and_the_pauses_after_it_are_timed():
    seen = read_stream(lines(EMPTY, TOKEN, TOKEN, TOKEN, DONE), 0.5, Clock())

    assert seen.problem is None
    assert seen.first_token_s == 0.5
    assert seen.pauses_s == [1.0, 1.0]


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ((TOKEN,), "ended without [DONE]"),
        ((TOKEN, ERROR), "error event: upstream_error"),
        ((TOKEN, ERROR, DONE), "error event: upstream_error"),
        ((DONE,), "no token came"),
        ((), "ended without [DONE]"),
        ((b'data: {"error":"no upstream"}\n',), "error event: no upstream"),
        ((b"data: [1]\n", b'data: {"choices":[7]}\n', DONE), "no token came"),
    ],
)
def test_a_stream_that_does_not_end_well_is_a_problem(parts, problem):
    assert read_stream(lines(*parts), 0.0, Clock()).problem == problem


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (200, b'{"choices":[{}]}', None),
        (200, b'{"choices":[]}', "status 200, no choices"),
        (500, b'{"choices":[{}]}', "status 500, though with choices"),
        (503, b'{"error":{"code":"overloaded"}}', "status 503: overloaded"),
        (500, b"Internal Server Error", "status 500, not JSON"),
        # What stands between the two says it in words of its own.
        (503, b'{"error":"Service Unavailable"}', "status 503: Service Unavailable"),
        (502, b'["bad gateway"]', "status 502, no choices"),
        (200, b"null", "status 200, no choices"),
    ],
)
def test_an_answer_in_one_piece_has_choices(status, content, problem):
    assert unary_problem(status, content) == problem
