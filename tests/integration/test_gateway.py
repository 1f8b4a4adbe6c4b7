"""The gateway as clients see it: the official OpenAI client on a real graph."""

import time
from collections.abc import Iterator

import httpx
import openai
import pytest

from artifacts.encoder import load_encoder
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import ENCODER, load
from tests.integration.conftest import (
    KEY,
    SIMULATED,
    UPSTREAM_KEY,
    Served,
    running,
)

pytestmark = pytest.mark.integration

AUTH = {"authorization": f"Bearer {KEY}"}
QUESTION = [{"role": "user", "content": "What is 6 × 7? Explain each step."}]
QUESTIONS = (
    "Natalia sold clips to 48 friends in April and half as many in May. How many?",
    "Find the number of ordered pairs (a, b) with a^2 + b^2 = 2025.",
    "def f(s): return s[::-1].upper()\nassert f('abc') == ??",
    "What is the remainder when 7^100 is divided by 13?",
)


@pytest.fixture(scope="module", params=["deployment", "gateway"])
def served(request, tmp_path_factory) -> Iterator[Served]:
    """The graph that all tests share, then one with all inside the Gateway."""
    if request.param == "deployment":
        yield request.getfixturevalue("served")
        return
    with running(tmp_path_factory.mktemp("placed"), request.param) as graph:
        yield graph


def route(served: Served, text: str, alpha: float) -> dict:
    body = {
        "messages": [{"role": "user", "content": text}],
        "routing": {"alpha": alpha},
    }
    response = httpx.post(f"{served.url}/v1/route", json=body, headers=AUTH, timeout=60)
    assert response.status_code == 200
    return response.json()


def test_answers_with_the_model_that_was_routed_to(served):
    raw = served.client().chat.completions.with_raw_response.create(
        model="auto", messages=QUESTION, extra_body={"routing": {"alpha": 1.0}}
    )

    answer = raw.parse()
    assert answer.choices[0].message.content == "Forty two."
    assert answer.model == raw.headers["x-routed-model"]
    assert raw.headers["x-routing"] == "routed"
    assert raw.headers["x-routing-alpha"] == "1"
    told = float(raw.headers["x-response-cost-usd"])
    assert told == pytest.approx(served.entry.charged_usd)
    assert len(raw.headers.get_list("x-request-id")) == 1


def test_the_upstream_gets_its_own_name_for_the_model_and_our_key(served):
    served.client().chat.completions.create(
        model="gpt-4o-2024-08-06", messages=QUESTION, seed=7, extra_body={"x": [1]}
    )

    sent = served.asked
    assert sent["model"] == "openai/gpt-4o-2024-08-06"
    assert (sent["seed"], sent["x"], sent["usage"]) == (7, [1], {"include": True})
    assert "routing" not in sent
    assert served.upstream.keys == {f"Bearer {UPSTREAM_KEY}"}


def test_a_stream_ends_with_usage_and_its_cost(served):
    stream = served.client().chat.completions.create(
        model="gpt-4o-2024-08-06",
        messages=QUESTION,
        stream=True,
        stream_options={"include_usage": True},
    )

    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Forty two."
    assert {chunk.model for chunk in chunks} == {"gpt-4o-2024-08-06"}
    assert chunks[-1].usage.prompt_tokens == served.entry.prompt_tokens
    assert chunks[-1].usage.cost == served.entry.charged_usd


def test_a_stream_without_include_usage_has_no_usage_event(served):
    stream = served.client().chat.completions.create(
        model="gpt-4o-2024-08-06", messages=QUESTION, stream=True
    )

    assert all(chunk.choices and chunk.usage is None for chunk in stream)


def test_a_stream_that_breaks_off_raises_in_the_client(served):
    stream = served.client().chat.completions.create(
        model="gpt-4o-2024-08-06",
        messages=QUESTION,
        stream=True,
        metadata={"fault": "no-done"},
    )

    with pytest.raises(openai.APIError, match="ended before it was complete"):
        list(stream)


def test_a_client_that_leaves_stops_the_upstream(served):
    stream = served.client().chat.completions.create(
        model="gpt-4o-2024-08-06",
        messages=QUESTION,
        stream=True,
        metadata={"fault": "endless"},
    )
    next(iter(stream))
    assert served.entry.outcome is None

    stream.close()

    # Left alone it would go on for minutes.
    for _ in range(100):
        if served.entry.outcome == "client_left":
            return
        time.sleep(0.1)
    pytest.fail("the upstream still answers")


def test_another_model_answers_where_the_first_fails(served):
    models = ["gpt-4o-2024-08-06", "claude-3-5-haiku-20241022"]
    first = route(served, QUESTION[0]["content"], 1.0)["ranking"]
    best = next(row["model"] for row in first if row["model"] in models)
    upstream_name = {
        "gpt-4o-2024-08-06": "openai/gpt-4o-2024-08-06",
        "claude-3-5-haiku-20241022": "anthropic/claude-3.5-haiku-20241022",
    }[best]

    raw = served.client().chat.completions.with_raw_response.create(
        model="auto",
        messages=QUESTION,
        metadata={"fault": f"500,model={upstream_name}"},
        extra_body={"routing": {"alpha": 1.0, "models": models}},
    )

    (other,) = set(models) - {best}
    assert raw.headers["x-routed-model"] == other
    assert raw.headers["x-routing-fallbacks"] == f"1; {best}=upstream_error"


def test_the_simulator_says_that_it_is_one(served):
    raw = served.client().chat.completions.with_raw_response.create(
        model=SIMULATED, messages=QUESTION
    )

    assert raw.headers["x-routed-backend"] == "simulator"
    assert raw.parse().choices[0].message.content.startswith("[simulated")


def test_the_simulator_streams(served):
    stream = served.client().chat.completions.create(
        model=SIMULATED, messages=QUESTION, stream=True, max_tokens=6
    )

    chunks = list(stream)
    assert len([c for c in chunks if c.choices[0].delta.content]) == 6
    assert chunks[-1].choices[0].finish_reason == "length"


def test_alpha_0_and_1_choose_differently_and_1_costs_more(served):
    cheap = [route(served, text, 0.0) for text in QUESTIONS]
    best = [route(served, text, 1.0) for text in QUESTIONS]

    for low, high in zip(cheap, best, strict=True):
        assert low["model"] != high["model"]
        cost_low, cost_high = (
            decision["ranking"][0]["expected_cost_usd"] for decision in (low, high)
        )
        assert cost_low < cost_high


def test_live_decisions_are_the_artifact_s_own(served):
    directory = artifact_directory(BUNDLED_ARTIFACT)
    artifact = load(directory)
    encoder = load_encoder(artifact.manifest.encoder, directory / ENCODER)
    for text in QUESTIONS:
        offline = artifact.choose(encoder.encode([text])[0], 0.5)
        live = route(served, text, 0.5)
        assert [row["model"] for row in live["ranking"]] == list(offline.ranking)
        assert live["artifact"] == artifact.artifact_id


@pytest.mark.parametrize(
    ("path", "model", "alpha"),
    [
        ("/v1", "auto", "0.5"),
        ("/v1", "auto:economy", "0.2"),
        ("/tiers/quality/v1", "auto", "0.9"),
    ],
)
def test_cost_tiers(served, path, model, alpha):
    raw = served.client(path).chat.completions.with_raw_response.create(
        model=model, messages=QUESTION
    )

    assert raw.headers["x-routing-alpha"] == alpha


def test_models_are_listed(served):
    listed = [model.id for model in served.client().models.list()]

    assert listed[:4] == ["auto", "auto:balanced", "auto:economy", "auto:quality"]
    assert SIMULATED in listed
    assert served.client().models.retrieve(SIMULATED).id == SIMULATED


@pytest.mark.parametrize(
    ("key", "model", "error"),
    [
        ("sk-av-wrong", "auto", openai.AuthenticationError),
        (KEY, "no-such-model", openai.NotFoundError),
        (KEY, "auto:gold", openai.NotFoundError),
    ],
)
def test_the_client_raises_its_own_errors(served, key, model, error):
    with pytest.raises(error):
        served.client(key=key).chat.completions.create(model=model, messages=QUESTION)


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_just_under_the_limit_is_answered(served, stream):
    image = {"url": "data:image/png;base64," + "A" * 9 * 2**20}
    parts = [
        {"type": "image_url", "image_url": image},
        {"type": "text", "text": "What is 6 × 7?"},
    ]
    body = {"messages": [{"role": "user", "content": parts}], "stream": stream}
    response = httpx.post(
        f"{served.url}/v1/chat/completions", json=body, headers=AUTH, timeout=60
    )

    assert response.status_code == 200
    assert response.headers["x-routing"] == "routed"


def test_a_body_over_the_limit_is_refused(served):
    body = b'{"messages": [{"role": "user", "content": "' + b"x" * 11 * 2**20 + b'"}]}'
    response = httpx.post(
        f"{served.url}/v1/chat/completions", content=body, headers=AUTH, timeout=60
    )

    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"


def test_health(served):
    assert httpx.get(f"{served.url}/healthz").text == "ok"
    ready = httpx.get(f"{served.url}/readyz", timeout=60).json()
    assert ready["status"] == "ready"


def test_neither_prompts_nor_keys_reach_a_log(served):
    canary = "tourmaline-periwinkle-4711"
    messages = [{"role": "user", "content": canary}]
    client = served.client()
    client.chat.completions.create(model="auto", messages=messages)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            model="auto", messages=[{"role": canary, "content": canary}]
        )

    logs = [path for path in served.logs.rglob("*") if path.is_file()]
    text = b"".join(path.read_bytes() for path in logs)
    assert len(logs) > 5
    for secret in (canary, KEY, UPSTREAM_KEY):
        assert secret.encode() not in text
