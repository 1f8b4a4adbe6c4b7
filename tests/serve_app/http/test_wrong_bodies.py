"""What a client is told of a body that makes no sense."""

import pytest

from tests.serve_app.http.api_client import CHAT, client


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x1f\x8b\x08", "The body is not UTF-8: see its byte 2."),
        (b'{"model": "caf\xe9"}', "The body is not UTF-8: see its byte 15."),
        (
            b'{"model": }',
            "The body is not valid JSON: unexpected character, expected a JSON value "
            "at line 1, column 11.",
        ),
        (
            b'{"messages": [{"role": "user"}], "routing": 1}',
            "routing: it must be an object.",
        ),
        (
            b'{"messages": [{"role": "user"}], "tools": [1]}',
            "tools[0]: it must be an object.",
        ),
        (
            b'{"messages": [{"role": "user"}], "routing": {"alfa": 1}}',
            "routing.alfa: there is no such field.",
        ),
    ],
)
async def test_what_is_wrong_with_a_body_is_told_in_json_s_words(content, said):
    async with client() as c:
        response = await c.post(CHAT, content=content)

    assert response.status_code == 400
    assert response.json()["error"]["message"] == said
