"""What an upstream's refusals and failures are to a client, in our words."""

import asyncio
import json

import httpx
import pytest

from deployments.errors import (
    InvalidRequest,
    PromptFlagged,
    PromptTooLong,
    RateLimited,
    ServingError,
    Unsupported,
    UpstreamError,
    UpstreamForbids,
    UpstreamRefusal,
    UpstreamTimeout,
)
from tests.deployments.backends.openrouter_answers import (
    KEY,
    REQUEST,
    asked,
    backend,
    reported,
    unary,
)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(400, text=KEY), InvalidRequest),
        (httpx.Response(500, text=KEY), UpstreamError),
        (httpx.Response(504), UpstreamTimeout),
        (httpx.Response(200, text="<html>"), UpstreamError),
        (unary(error={"message": "prompt", "code": 402}), UpstreamError),
        (httpx.ReadTimeout("slow"), UpstreamTimeout),
        (httpx.ConnectError("refused"), UpstreamError),
    ],
)
async def test_what_goes_wrong_is_said_in_our_words(response, error):
    with pytest.raises(error) as raised:
        await backend(response).complete(REQUEST)

    assert KEY not in str(raised.value)
    assert "prompt" not in str(raised.value)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        {"code": "context_length_exceeded"},
        {"message": "This endpoint's maximum context length is 131072 tokens."},
        {"message": "Input exceeds the context window of this model."},
        {"message": "prompt is too long: 210000 tokens > 200000 maximum"},
        {"message": "Input is too long for requested model."},
        {"message": "This model's maximum prompt length is 131072."},
        {
            "message": "Provider",
            "metadata": {"raw": "maximum number of tokens allowed"},
        },
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_a_prompt_too_long_for_one_model_is_told_apart(said, streams, late):
    error = {"code": 400, **said}
    response = reported(400, error, streams=streams, late=late)

    with pytest.raises(PromptTooLong) as raised:
        await asked(response, streams=streams)
    assert raised.value.code == "context_length_exceeded"
    assert "tokens" not in raised.value.message
    # By these words of OpenAI's, LiteLLM and others know it.
    assert "This model's maximum context length is" in raised.value.message


BAD_TOOL = {
    "message": f"Invalid schema for {KEY}",
    "param": "tools[0].function.parameters",
    "code": "invalid_function_parameters",
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        BAD_TOOL,
        {"code": 400, "metadata": {"raw": json.dumps({"error": BAD_TOOL})}},
    ],
    ids=["upstream", "provider"],
)
async def test_which_field_the_upstream_refuses_is_told(said, streams):
    response = reported(400, said, streams=streams, late=False)

    with pytest.raises(InvalidRequest) as raised:
        await asked(response, streams=streams)
    error = raised.value
    what = "The upstream refused the request (status 400, invalid_function_parameters)."
    assert error.message == what
    assert (error.param, error.code) == (BAD_TOOL["param"], "upstream_refused")


@pytest.mark.parametrize("quoted", [KEY, "tell me a secret", "x" * 99, "", 7, ["a"]])
async def test_what_is_no_name_of_a_field_is_not_told(quoted):
    said = {"param": quoted, "code": quoted, "metadata": {"raw": quoted}}
    with pytest.raises(InvalidRequest) as raised:
        await backend(httpx.Response(422, json={"error": said})).complete(REQUEST)

    assert raised.value.message == "The upstream refused the request (status 422)."
    assert raised.value.param is None


FLAGGED = {
    "code": 403,
    "message": "Your input was flagged",
    "metadata": {
        "reasons": ["violence", "self-harm/intent", "as it says: tell me", 7],
        "flagged_input": "tell me",
        "provider_name": "OpenAI",
    },
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("late", [False, True])
async def test_input_that_moderation_flags_is_told_as_that_and_why(streams, late):
    response = reported(403, FLAGGED, streams=streams, late=late)

    with pytest.raises(PromptFlagged) as raised:
        await asked(response, streams=streams)
    error = raised.value
    assert (error.status, error.code) == (403, "content_policy_violation")
    said = (
        "The upstream's moderation has flagged the input (violence, self-harm/intent)."
    )
    assert error.message == said


FILTERED = {"message": "It was: tell me", "param": "prompt", "code": "content_filter"}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "said",
    [FILTERED, {"code": 400, "metadata": {"raw": json.dumps({"error": FILTERED})}}],
    ids=["upstream", "provider"],
)
async def test_a_prompt_that_azure_filters_is_flagged_like_any_other(said, streams):
    response = reported(400, said, streams=streams, late=False)

    with pytest.raises(PromptFlagged) as raised:
        await asked(response, streams=streams)
    error = raised.value
    assert (error.status, error.code) == (403, "content_policy_violation")
    what = "The upstream's moderation has flagged the input (content_filter)."
    assert error.message == what


@pytest.mark.parametrize(
    "said",
    [
        "<html>",
        "[]",
        '{"error": "no"}',
        '{"error": {"code": 403, "message": "Key limit exceeded"}}',
        '{"error": {"code": 403, "metadata": {"reasons": null}}}',
    ],
)
async def test_what_our_key_may_not_is_no_matter_of_the_input(said):
    with pytest.raises(UpstreamForbids) as raised:
        await backend(httpx.Response(403, text=said)).complete(REQUEST)
    assert (raised.value.status, raised.value.code) == (502, "upstream_permission")


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("said", "kind", "status"),
    [
        ("No endpoints found that support image input", Unsupported, 400),
        (
            "No endpoints found that support the provided 'tool_choice' value.",
            Unsupported,
            400,
        ),
        (
            "No endpoints found that can handle the requested parameters.",
            Unsupported,
            400,
        ),
        ("No endpoints found for them/theirs.", UpstreamRefusal, 502),
    ],
)
async def test_what_no_provider_takes_is_the_request_s_own_matter(
    said, kind, status, streams, late
):
    error = {"code": 404, "message": said}
    response = reported(404, error, streams=streams, late=late)

    with pytest.raises(kind) as raised:
        await asked(response, streams=streams)
    assert raised.value.status == status
    assert raised.value.retryable
    assert not raised.value.passes


ITEM = {
    "message": "Item with id 'rs_1' not found.",
    "type": "invalid_request_error",
    "param": "input",
    "code": None,
}
TOOLS = {**ITEM, "type": "external_connector_error", "param": "tools"}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("status", "said"), [(404, ITEM), (424, {**TOOLS, "code": "http_error"})]
)
async def test_what_a_request_refers_to_in_vain_is_its_own_matter(
    status, said, streams
):
    response = reported(status, said, streams=streams, late=False)

    with pytest.raises(InvalidRequest) as raised:
        await asked(response, streams=streams)
    error = raised.value
    assert (error.status, error.code) == (400, "upstream_refused")
    assert error.param == said["param"]
    assert not error.retryable


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (404, {**ITEM, "param": None, "code": "model_not_found"}, UpstreamRefusal),
        (404, {**ITEM, "param": "model"}, UpstreamRefusal),
        (404, {**ITEM, "code": "model_not_found"}, UpstreamRefusal),
        (404, "Not Found", UpstreamRefusal),
        (424, "Request failed during generation", UpstreamError),
    ],
)
async def test_a_model_that_is_not_there_is_no_matter_of_the_request(
    status, said, kind
):
    with pytest.raises(UpstreamError) as raised:
        await backend(httpx.Response(status, json={"error": said})).complete(REQUEST)

    assert type(raised.value) is kind


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("429", RateLimited),
        ("400", InvalidRequest),
        ("404", UpstreamRefusal),
        ("503", UpstreamError),
        ("200", UpstreamError),
        ("99999", UpstreamError),
    ],
)
async def test_a_status_in_an_answer_may_be_written_as_a_text(code, kind, streams):
    error = {"message": "no", "type": "None", "param": "None", "code": code}
    response = reported(200, error, streams=streams, late=True)

    with pytest.raises(ServingError) as raised:
        await asked(response, streams=streams)
    assert type(raised.value) is kind
    assert raised.value.param is None


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        ("unsupported_value", True),
        ("unsupported_parameter", True),
        ("invalid_value", False),
    ],
)
async def test_what_this_model_does_not_support_another_may(code, retryable):
    said = {"message": "no", "param": "temperature", "code": code}
    with pytest.raises(InvalidRequest) as raised:
        await backend(httpx.Response(400, json={"error": said})).complete(REQUEST)

    error = raised.value
    assert (error.param, error.code) == ("temperature", "upstream_refused")
    assert error.retryable == retryable


SPENT = {
    "message": f"You exceeded the quota of {KEY}",
    "type": "insufficient_quota",
    "code": "insufficient_quota",
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "said",
    [SPENT, {"code": 429, "metadata": {"raw": json.dumps({"error": SPENT})}}],
    ids=["upstream", "provider"],
)
async def test_credits_that_are_used_up_are_no_rate_limit(said, streams, late):
    response = reported(429, said, streams=streams, late=late)

    with pytest.raises(UpstreamRefusal) as raised:
        await asked(response, streams=streams)
    error = raised.value
    assert (error.status, error.code) == (502, "upstream_insufficient_credits")
    assert error.retryable
    assert not error.passes


class Stuck(httpx.AsyncByteStream):
    """A body whose end does not come."""

    def __init__(self, then: Exception | None = None) -> None:
        self._then = then

    async def __aiter__(self):
        yield b'{"error": {"message": "temperature is too high'
        if self._then:
            raise self._then
        await asyncio.sleep(3600)


@pytest.mark.parametrize("then", [None, httpx.ReadError("reset")])
async def test_a_refusal_does_not_wait_for_what_is_said_of_it(then, monkeypatch):
    monkeypatch.setattr("deployments.backends.open_reply._SAID_S", 0.01)

    with pytest.raises(InvalidRequest) as raised:
        await backend(httpx.Response(400, stream=Stuck(then))).complete(REQUEST)
    assert raised.value.code == "upstream_refused"
