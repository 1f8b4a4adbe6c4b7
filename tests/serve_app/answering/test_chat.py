"""What of a request is read, and what is passed on."""

import json

import pytest

from deployments.errors import InvalidRequest
from serve_app.answering.chat import ChatRequest, RoutingOptions, parse_chat


def chat(**body: object):
    return parse_chat(json.dumps({"messages": [{"role": "user"}], **body}).encode())


def test_what_is_ours_is_taken_out_and_the_rest_passed_on():
    body = chat(routing={"alpha": 1}, model="auto", x={"y": [1.5, None]})

    sent = json.loads(body.upstream_body("them/m", {"usage": {"include": True}}))

    assert sent == {
        "messages": [{"role": "user"}],
        "model": "them/m",
        "x": {"y": [1.5, None]},
        "usage": {"include": True},
    }


def test_what_is_sent_by_default_gives_way_to_what_the_client_says():
    defaults = {"temperature": 1, "seed": 7}
    sent = json.loads(chat(temperature=0.5).upstream_body("m", defaults))

    assert (sent["temperature"], sent["seed"]) == (0.5, 7)


def test_a_stream_always_asks_the_upstream_for_usage():
    body = chat(stream=True, stream_options={"include_usage": False, "z": 1})

    sent = json.loads(body.upstream_body("m", {}))

    assert sent["stream_options"] == {"include_usage": True, "z": 1}
    assert not body.include_usage


@pytest.mark.parametrize("n", [None, 1, 128])
def test_as_many_answers_as_openai_gives_may_be_asked_for(n):
    assert json.loads(chat(n=n).upstream_body("m", {}))["n"] == n


@pytest.mark.parametrize("n", [0, -1, 129, 2.5, True, "100"])
def test_another_number_of_answers_is_refused(n):
    with pytest.raises(InvalidRequest) as raised:
        chat(n=n)

    assert (raised.value.param, raised.value.code) == ("n", "invalid_value")


@pytest.mark.parametrize("longer", ["max_tokens", "max_completion_tokens"])
def test_of_two_limits_the_larger_is_reckoned_with(longer):
    limits = {"max_tokens": 1, "max_completion_tokens": 1, longer: 1000}

    assert chat(**limits).request.output_tokens == 1000


@pytest.mark.parametrize(
    "field",
    [
        "stream",
        "stream_options",
        "tools",
        "response_format",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "n",
        "stop",
        "seed",
        "logprobs",
        "user",
    ],
)
def test_a_field_may_be_null_which_is_the_same_as_none(field):
    parsed = chat(**{field: None})

    assert not parsed.request.stream
    assert not parsed.include_usage
    assert parsed.request.output_tokens is None
    assert json.loads(parsed.upstream_body("m", {}))[field] is None


@pytest.mark.parametrize(
    "options", [None, dict.fromkeys(RoutingOptions.model_fields), {"exclude": None}]
)
def test_what_is_null_in_routing_is_the_same_as_not_there(options):
    parsed = chat(routing=options)

    assert parsed.request.routing == RoutingOptions()
    assert "routing" not in json.loads(parsed.upstream_body("m", {}))


def test_null_where_nothing_but_a_value_is_known_is_the_same_as_none():
    parsed = chat(model=None, stream=True, stream_options={"include_usage": None})

    assert parsed.request.model == "auto"
    assert not parsed.include_usage


def test_every_field_but_the_messages_may_be_null_which_is_the_same_as_none():
    names = ChatRequest.model_fields.keys() - {"messages"}

    assert chat(**dict.fromkeys(names)).request == chat().request


def test_null_lets_the_upstream_s_defaults_stand():
    defaults = {"usage": {"include": True}, "max_tokens": 9, "seed": 1}
    sent = chat(usage=None, max_tokens=None, seed=2).upstream_body("m", defaults)

    assert json.loads(sent) == {
        "messages": [{"role": "user"}],
        "model": "m",
        "usage": {"include": True},
        "max_tokens": 9,
        "seed": 2,
    }


def test_openrouter_s_word_for_usage_goes_only_to_upstreams_that_know_it():
    body = chat(stream=True, usage={"include": True, "x": 1})

    sent = json.loads(body.upstream_body("m", {"usage": {"include": True}}))
    assert sent["usage"] == {"include": True, "x": 1}
    assert "usage" not in json.loads(body.upstream_body("m", {}))
    assert body.include_usage


@pytest.mark.parametrize("said", [{"include": False}, {}, 1, "no", []])
def test_no_client_has_an_upstream_leave_out_what_it_charged(said):
    """Else searches and dearer service would be charged as tokens alone."""
    sent = chat(usage=said).upstream_body("m", {"usage": {"include": True}})

    assert json.loads(sent)["usage"] == {"include": True}


@pytest.mark.parametrize(
    "field",
    [
        "models",
        "preset",
        "fallbacks",
        "context_window_fallbacks",
        "content_policy_fallbacks",
    ],
)
def test_no_other_model_is_chosen_behind_the_limits_of_the_tenant(field):
    with pytest.raises(InvalidRequest, match=r"routing\.models") as raised:
        chat(**{field: ["dear/model"]})

    assert (raised.value.param, raised.value.code) == (field, "unsupported_parameter")
    assert field in json.loads(chat(**{field: None}).upstream_body("m", {}))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"extra_body": {"models": ["dear"]}}, "extra_body.models"),
        (
            {"providerOptions": {"gateway": {"models": ["dear"]}}},
            "providerOptions.gateway.models",
        ),
        ({"orq": {"fallbacks": [{"model": "dear"}]}}, "orq.fallbacks"),
    ],
)
def test_nor_in_what_gateways_keep_for_their_own_fields(body, field):
    with pytest.raises(InvalidRequest) as raised:
        chat(**body)

    assert raised.value.param == field


@pytest.mark.parametrize(
    "body",
    [
        {"extra_body": {"google": {"thinking_config": {}}}},
        {"extra_body": ["models"]},
        {"providerOptions": {"gateway": None, "models": 1}},
        {"providerOptions": {"gateway": {"order": ["azure"]}}},
    ],
)
def test_what_chooses_no_model_in_there_is_passed_on(body):
    sent = json.loads(chat(**body).upstream_body("m", {}))

    assert body.items() <= sent.items()
