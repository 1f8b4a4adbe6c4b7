"""Embeddings, and decisions alone: what they draw on, and what is free again."""

import pytest

from deployments.errors import RoutingUnavailable
from deployments.limits.ledger_protocol import Resource
from tests.length_encoder import Lengths
from tests.serve_app.access.limited_tenant import World

TEXT = "a b c d e f g h"
READ = {
    "/v1/embeddings": {"input": TEXT},
    "/v1/route": {"messages": [{"role": "user", "content": TEXT}]},
}


@pytest.mark.parametrize(("path", "body"), READ.items())
async def test_what_is_read_and_not_answered_is_a_request_like_others(path, body):
    world = World(rpm_limit=2)
    answers = [await world.post(path, body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert answers[2].json()["error"]["code"] == "rate_limit_exceeded"
    assert answers[2].headers["retry-after"] == "60"
    assert len(world.encoder.pieces) == (2 if path == "/v1/embeddings" else 0)
    assert (await world.ask()).status_code == 429


@pytest.mark.parametrize(("path", "body"), READ.items())
async def test_what_is_read_costs_nothing_and_its_place_is_free_again(path, body):
    world = World(max_budget=0.0, max_parallel_requests=1)
    statuses = [(await world.post(path, body)).status_code for _ in range(2)]

    assert statuses == [200, 200]
    assert world.reserved() == 0


async def test_the_tokens_of_texts_to_embed_count_and_those_of_a_decision_do_not():
    world = World(tpm_limit=5)
    embedded, routed = [await world.post(*each) for each in READ.items()]

    said = "5 tokens per minute. This request alone asks for up to"
    assert said in embedded.json()["error"]["message"]
    assert routed.status_code == 200


async def test_of_texts_to_embed_as_many_tokens_are_used_as_the_encoder_has_read():
    world = World(tpm_limit=100)
    answer = await world.post("/v1/embeddings", {"input": ["x" * 8] * 10})
    assert answer.json()["usage"]["total_tokens"] == 80
    await world.holdings.give_back_idle()

    assert await world.holdings.reserve(Resource("tpm", "t"), 21) is None
    assert await world.holdings.reserve(Resource("tpm", "t"), 20) is not None


async def test_an_embedder_that_fails_has_used_no_tokens_and_no_place():
    world = World(tpm_limit=100, max_parallel_requests=1)
    world.encoder = Lengths(exact=False, error=RoutingUnavailable("gone"))
    assert (await world.post("/v1/embeddings", {"input": TEXT})).status_code == 503
    await world.holdings.give_back_idle()

    assert await world.holdings.reserve(Resource("tpm", "t"), 100) is not None
    assert world.reserved() == 0


@pytest.mark.parametrize(("tier", "status"), [("economy", 200), ("gold", 404)])
async def test_below_a_tier_s_path_embeddings_are_for_those_who_may_use_it(
    tier, status
):
    response = await World().post(f"/tiers/{tier}/v1/embeddings", {"input": TEXT})

    assert response.status_code == status
