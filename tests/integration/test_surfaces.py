"""The official client's other calls: text completions, responses, embeddings."""

from typing import Any

import httpx
import numpy as np
import openai
import pytest
from langchain_openai import ChatOpenAI

from artifacts.encoder import load_encoder
from artifacts.location import BUNDLED_ARTIFACT, artifact_directory
from artifacts.store import ENCODER, load_manifest
from tests.integration.conftest import ABLE, ANSWER, KEY, SIMULATED, Served

pytestmark = pytest.mark.integration

QUESTION = "What is 6 × 7? Explain each of the steps, and why they lead to the answer."
TEXTS = [QUESTION, "def f(s): return s[::-1]"]
CALLS = {"completions": {"prompt": QUESTION}, "responses": {"input": QUESTION}}


def create(served: Served, surface: str, **options: Any) -> Any:
    asked = {"model": ABLE, **CALLS[surface], **options}
    return getattr(served.client(), surface).create(**asked)


@pytest.mark.parametrize("surface", CALLS)
def test_a_request_is_routed_and_its_cost_is_what_was_charged(served, surface):
    resource = getattr(served.client(), surface).with_raw_response
    upstream_s = {"routing": {"exclude": [SIMULATED]}}
    raw = resource.create(model="auto", **CALLS[surface], extra_body=upstream_s)

    assert raw.headers["x-routing"] == "routed"
    assert raw.parse().model == raw.headers["x-routed-model"]
    charged = served.entry.charged_usd
    assert float(raw.headers["x-response-cost-usd"]) == pytest.approx(charged)
    assert served.entry.path == f"/api/v1/{surface}"


def test_a_completion(served):
    answer = create(served, "completions", suffix="!", echo=True)

    assert answer.choices[0].text == ANSWER
    assert answer.usage.completion_tokens > 0
    assert (served.asked["suffix"], served.asked["echo"]) == ("!", True)


def test_a_completion_streams(served):
    stream = create(
        served, "completions", stream=True, stream_options={"include_usage": True}
    )

    chunks = list(stream)
    text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert text == ANSWER
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert {chunk.model for chunk in chunks} == {ABLE}
    assert chunks[-1].usage.cost == pytest.approx(served.entry.charged_usd)


def test_a_response(served):
    answer = create(served, "responses", instructions="Be brief.")

    assert answer.output_text == ANSWER
    assert answer.model == ABLE
    assert answer.usage.output_tokens > 0
    assert served.asked["store"] is False
    assert served.asked["instructions"] == "Be brief."


def test_a_response_streams(served):
    events = list(create(served, "responses", stream=True))

    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert "".join(deltas) == ANSWER
    assert events[0].type == "response.created"
    assert events[0].response.model == ABLE
    assert events[-1].type == "response.completed"
    assert events[-1].response.model == ABLE
    usage = events[-1].response.usage
    assert usage.cost == pytest.approx(served.entry.charged_usd)


def test_a_response_streams_through_the_client_s_own_helper(served):
    with served.client().responses.stream(model=ABLE, input=QUESTION) as stream:
        final = stream.get_final_response()

    assert final.output_text == ANSWER


@pytest.mark.parametrize("stream", [False, True])
def test_langchain_speaks_responses(served, stream):
    with httpx.Client(timeout=60) as http:
        chat = ChatOpenAI(
            model=ABLE,
            api_key=KEY,
            base_url=f"{served.url}/v1",
            http_client=http,
            use_responses_api=True,
            streaming=stream,
        )
        answer = chat.invoke(QUESTION)

    assert answer.text == ANSWER
    assert answer.usage_metadata["output_tokens"] > 0
    assert served.entry.path == "/api/v1/responses"
    assert served.entry.streamed is stream


@pytest.mark.parametrize("fault", ["cut-fin,after", "error-chunk,after"])
def test_a_response_that_breaks_off_raises_in_the_client(served, fault):
    stream = create(served, "responses", stream=True, metadata={"fault": fault})

    with pytest.raises(openai.APIError):
        list(stream)


@pytest.mark.parametrize("surface", CALLS)
def test_the_simulator_has_these_paths_too(served, surface):
    answer = create(served, surface, model=SIMULATED)

    assert (answer.model, answer.provider) == (SIMULATED, "simulated")


def test_a_response_that_would_have_to_be_stored_is_refused(served):
    with pytest.raises(openai.BadRequestError) as raised:
        create(served, "responses", store=True)

    assert (raised.value.code, raised.value.param) == ("unsupported_parameter", "store")


@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}])
def test_embeddings_are_the_vectors_that_routing_sees(served, options):
    directory = artifact_directory(BUNDLED_ARTIFACT)
    spec = load_manifest(directory).encoder
    ours = load_encoder(spec, directory / ENCODER).encode(TEXTS)

    answer = served.client().embeddings.create(model=spec.id, input=TEXTS, **options)

    theirs = np.array([row.embedding for row in answer.data], np.float32)
    assert np.array_equal(theirs, ours)
    assert [row.index for row in answer.data] == [0, 1]
    assert answer.model == spec.id
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 20


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "text-embedding-3-small"}, openai.NotFoundError),
        ({"input": "word " * 1000}, openai.BadRequestError),
        ({"input": [15496, 995]}, openai.BadRequestError),
        ({"dimensions": 256}, openai.BadRequestError),
    ],
)
def test_embeddings_that_cannot_be_had(served, options, error):
    asked = {"model": "auto", "input": "a", **options}
    with pytest.raises(error):
        served.client().embeddings.create(**asked)
