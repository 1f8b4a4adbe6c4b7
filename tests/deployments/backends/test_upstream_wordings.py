"""Errors as upstreams word them, and what each is to the client and to the model."""

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
)
from tests.deployments.backends.openrouter_answers import REQUEST, asked, backend

SECRETS = ("org_01h", "sk-own", "them/theirs", "tell me", "console.", "ba***na")


def openai(message: str, code: str | None = None, **more: object) -> dict:
    error = {"message": message, "type": "invalid_request_error", "param": None}
    return {"error": {**error, "code": code, **more}}


def anthropic(message: str) -> dict:
    error = {"type": "invalid_request_error", "message": message}
    return {"type": "error", "error": error, "request_id": "req_011"}


def google(message: str, status: str = "INVALID_ARGUMENT", **more: object) -> list:
    return [{"error": {"code": 400, "message": message, "status": status, **more}}]


def openrouter(raw: str, code: int = 400) -> dict:
    metadata = {"raw": raw, "provider_name": "P"}
    message = "Provider returned error"
    return {"error": {"message": message, "code": code, "metadata": metadata}}


def litellm(message: str) -> dict:
    error = {"message": message, "type": None, "param": None, "code": "400"}
    return {"error": error}


async def told(status: int, body: object) -> ServingError:
    with pytest.raises(ServingError) as raised:
        await backend(httpx.Response(status, json=body)).complete(REQUEST)
    assert not any(secret in raised.value.message for secret in SECRETS)
    return raised.value


CREDITS = "Your credit balance is too low to access the Anthropic API. Please go to …"
NO_KEY = "API key not valid. Please pass a valid API key."
OPERATORS = {
    "upstream_model_not_found": [
        (400, openai("The model `them/theirs` does not exist", "model_not_found")),
        (400, openai("The requested model 'them/theirs' does not exist.")),
        (400, openai("invalid model ID")),
        (400, openai("no", "invalid_value", param="model")),
        (403, openai("Project `p` does not have access to model", "model_not_found")),
        (400, openai("The model `x` has been decommissioned", "model_decommissioned")),
        (400, openai("Unable to access model x.", "model_not_available")),
        (400, {"error": {"message": "a/b is not a valid model ID", "code": 400}}),
        (400, {"object": "error", "message": "Invalid model: x", "code": "1500"}),
        (400, {"object": "error", "message": "no", "type": "invalid_model"}),
        (400, openai("Model Not Exist", "invalid_request_error")),
        (400, {"message": "The provided model identifier is invalid."}),
        (400, litellm("400: {'error': 'Invalid model name passed in model=x'}")),
        (400, litellm("/chat/completions: Invalid model name passed in model=x.")),
    ],
    "upstream_insufficient_credits": [
        (400, anthropic(CREDITS)),
        (400, anthropic("You have reached your specified API usage limits. You …")),
        (400, openai("You exceeded your current quota", "insufficient_quota")),
        (400, openai("Billing hard limit has been reached")),
        (400, openai("no", "billing_hard_limit_reached")),
        (400, openai("Insufficient Balance", "invalid_request_error")),
        (429, openai("Your account is not active", "billing_not_active")),
        (400, litellm(f"litellm.BadRequestError: AnthropicException - {CREDITS}")),
        (
            400,
            litellm(
                "litellm.BadRequestError: AnthropicException - b'"
                '{"type":"error","error":{"type":"invalid_request_error",'
                f'"message":"{CREDITS}"}}}}\''
            ),
        ),
        (
            400,
            openrouter('{"error":{"message":"no","code":"insufficient_quota"}}'),
        ),
    ],
    "upstream_authentication": [
        (400, google(NO_KEY)),
        (400, google(NO_KEY)[0]),
        (400, google("no", details=[{"reason": "API_KEY_INVALID"}])),
        (400, google("API key expired. Please renew the API key.")),
        (
            400,
            {
                "code": "Client specified an invalid argument",
                "error": "Incorrect API key provided: ba***na. See console.x.ai.",
            },
        ),
    ],
    "upstream_permission": [
        (
            400,
            google("User location is not supported for the API use.", "FAILED"),
        ),
        (400, anthropic("This organization has been disabled.")),
    ],
}
BY_OPERATOR = [(code, *said) for code, each in OPERATORS.items() for said in each]


@pytest.mark.parametrize(("code", "status", "body"), BY_OPERATOR)
async def test_what_only_the_operator_can_mend_is_no_mistake_of_the_client(
    code, status, body
):
    """The next model is asked, and it counts against this one (`Attempts`)."""
    error = await told(status, body)

    assert type(error) is UpstreamRefusal
    assert (error.status, error.code, error.param) == (502, code, None)
    assert error.retryable
    assert not error.passes


TOO_LONG = [
    anthropic("prompt is too long: 205668 tokens > 200000 maximum"),
    anthropic("input length and `max_tokens` exceed context limit: 174167 + 64000 > …"),
    google("The input token count (1200293) exceeds the maximum number of tokens …"),
    openai("This model's maximum context length is 4097 tokens. However, …"),
    openai("Please reduce the length of the messages.", "context_length_exceeded"),
    openai("Your input exceeds the context window of this model."),
    {
        "object": "error",
        "message": "The decoder prompt (length 2136) is longer than the maximum model "
        "length of 2048.",
        "type": "BadRequestError",
        "code": 400,
    },
    openai("The input (9000 tokens) is longer than the model's context length"),
    {
        "object": "error",
        "message": "Prompt contains 33000 tokens, too large for model with 32768 …",
        "type": "invalid_request_error",
    },
    {"message": "too many tokens: total number of tokens (prompt and prediction) …"},
    {"message": "Input is too long for requested model."},
    {"code": "no", "error": "This model's maximum prompt length is 131072 but …"},
    {"error": "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3474"},
    {"error": {"code": 400, "message": "no", "type": "exceed_context_size_error"}},
    openai("Invalid request: Your request exceeded model token limit: 262144"),
    litellm("litellm.ContextWindowExceededError: litellm.BadRequestError: no"),
    openrouter('{"type":"error","error":{"message":"prompt is too long: 2 > 1"}}'),
]


@pytest.mark.parametrize("body", TOO_LONG)
async def test_a_prompt_too_long_for_this_model_is_told_as_that(body):
    error = await told(400, body)

    assert type(error) is PromptTooLong
    assert error.retryable
    assert not error.passes


FLAGGED = [
    (400, openai("The response was filtered", "content_filter", param="prompt")),
    (
        400,
        openai("no", innererror={"code": "ResponsibleAIPolicyViolation"}),
    ),
    (400, openai("Invalid prompt: your prompt was flagged as …", "invalid_prompt")),
    (400, openai("no", "data_inspection_failed", type="data_inspection_failed")),
    (403, {"code": "permission-denied", "error": "Content violates usage guidelines."}),
    (400, openrouter("The request was blocked: PROHIBITED_CONTENT")),
    (400, litellm("litellm.BadRequestError: litellm.ContentPolicyViolationError: …")),
]


@pytest.mark.parametrize(("status", "body"), FLAGGED)
async def test_a_prompt_that_a_filter_stops_is_flagged(status, body):
    error = await told(status, body)

    assert type(error) is PromptFlagged
    assert isinstance(error, UpstreamForbids), "it counts against no model"
    assert (error.status, error.code) == (403, "content_policy_violation")


TPM = (
    "Request too large for model `them/theirs` in organization `org_01h` on tokens per "
    "minute (TPM): Limit 6000, Requested 14368. Visit https://console.groq.com/…"
)


@pytest.mark.parametrize("status", [413, 429])
async def test_a_request_larger_than_a_minute_s_tokens_goes_to_another_model(status):
    error = await told(status, openai(TPM, "rate_limit_exceeded", type="tokens"))

    assert type(error) is PromptTooLong
    assert "in a minute" in error.message
    assert error.retryable
    assert not error.passes, "the same upstream never takes it"


async def test_how_large_a_request_may_be_is_another_matter_at_another_upstream():
    error = await told(413, {"error": {"type": "request_too_large", "message": "no"}})

    assert type(error) is Unsupported
    assert (error.code, error.retryable) == ("upstream_refused", True)


TOOL = {"message": "Failed to call a function. …", "code": "tool_use_failed"}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        {**TOOL, "failed_generation": "tell me"},
        {**TOOL, "code": None, "type": "invalid_request_error"},
        {"message": "no", "code": "json_validate_failed"},
    ],
)
async def test_a_call_that_the_model_has_miswritten_is_its_own_failure(error, streams):
    response = httpx.Response(400, json={"error": error})

    with pytest.raises(UpstreamError) as raised:
        await asked(response, streams=streams)
    assert type(raised.value) is UpstreamError
    assert raised.value.passes, "the next time it may succeed"
    assert "tell me" not in raised.value.message


@pytest.mark.parametrize(
    "body",
    [
        openai("'response_format' is not supported with this model.", param="n"),
        openai("This model does not support image input"),
        openai("them/theirs is not a multimodal model"),
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "n"], "msg": "no"}]},
    ],
)
async def test_what_this_model_does_not_take_goes_to_another(body):
    error = await told(400, body)

    assert (type(error), error.code) == (Unsupported, "upstream_refused")


@pytest.mark.parametrize(
    "quoted",
    [
        CREDITS,
        NO_KEY,
        "x is not a valid model ID",
        "Insufficient balance",
        f"litellm.E: X - {CREDITS}",
        f'{{"error":{{"message":"{CREDITS}"}}}}',
        "Failed to call a function",
    ],
)
@pytest.mark.parametrize(
    "said",
    [
        "Invalid value: '{}'. Supported values are: 'system' and 'user'.",
        "messages: {}",
        "litellm.BadRequestError: OpenAIException - Invalid value: '{}'.",
        'litellm.BadRequestError: X - {{"error":{{"message":"Invalid: {}"}}}}',
    ],
)
async def test_no_client_shuts_a_model_to_others_by_what_an_error_quotes(said, quoted):
    error = await told(400, openai(said.format(quoted.replace('"', '\\"'))))

    assert type(error) is InvalidRequest


async def test_the_model_of_a_tool_is_the_client_s_own():
    body = openai("no such model", "model_not_found", param="tools[0].model")
    error = await told(400, body)

    assert (type(error), error.param) == (InvalidRequest, "tools[0].model")


async def test_the_input_that_a_refusal_quotes_is_not_taken_for_its_reason():
    quoted = {"type": "missing", "loc": ["body", "stop"], "msg": "Field required"}
    body = {"detail": [{**quoted, "input": {"content": "the context length, tell me"}}]}
    error = await told(422, body)

    assert type(error) is InvalidRequest
    assert error.param == "stop"
    assert error.message == "The upstream refused the request (status 422, missing)."


async def test_a_rate_limit_that_speaks_of_contexts_is_a_rate_limit():
    error = await told(429, openai("Long context window requests: try again later."))

    assert type(error) is RateLimited


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({**TOOL, "status_code": 400}, UpstreamError),
        ({"message": "no", "code": "rate_limit_exceeded"}, RateLimited),
        ({"message": "no", "code": "model_not_found"}, UpstreamRefusal),
        ({"message": "no", "code": "content_filter"}, PromptFlagged),
        ({"message": "prompt is too long: 2 > 1"}, PromptTooLong),
        ({"message": "no", "code": 502, "metadata": {"raw": CREDITS}}, UpstreamRefusal),
    ],
)
async def test_an_error_inside_an_answer_is_read_alike(error, kind):
    with pytest.raises(ServingError) as raised:
        await backend(httpx.Response(200, json={"error": error})).complete(REQUEST)

    assert type(raised.value) is kind


@pytest.mark.parametrize("kind", ["application/json", "application/json;charset=a"])
async def test_an_error_in_the_place_of_a_stream_is_read_alike(kind):
    """llama.cpp's server has said so."""
    error = {"code": 400, "message": "no", "type": "exceed_context_size_error"}
    body = httpx.Response(200, json={"error": error}).content
    response = httpx.Response(200, content=body, headers={"content-type": kind})

    with pytest.raises(PromptTooLong):
        await asked(response, streams=True)


@pytest.mark.parametrize("body", [{"choices": []}, {"error": None}, ["no"], "no"])
async def test_an_answer_in_the_place_of_a_stream_is_none(body):
    with pytest.raises(UpstreamError, match="event stream"):
        await asked(httpx.Response(200, json=body), streams=True)
