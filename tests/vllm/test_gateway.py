"""The official client, through the Gateway, to a real vLLM engine."""

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from scripts.tiny_served import MAX_MODEL_LEN, MODEL
from tests.vllm.conftest import KEY, Served

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.filterwarnings("default"),  # Ray and vLLM warn when imported
]

ASKED = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "What is 6 × 7?"}],
    "max_tokens": 12,
    "temperature": 0,
    "extra_body": {"chat_template_kwargs": {"enable_thinking": False}},
}


@pytest_asyncio.fixture(loop_scope="session")
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=served.url + "/v1", api_key=KEY, max_retries=0
    ) as client:
        yield client


async def test_an_answer_names_the_model_and_what_it_cost(client):
    raw = await client.chat.completions.with_raw_response.create(**ASKED)

    answer = raw.parse()
    assert raw.headers["x-routed-model"] == MODEL
    assert answer.model == MODEL
    assert answer.usage.completion_tokens == 12
    assert float(raw.headers["x-response-cost-usd"]) == pytest.approx(
        answer.usage.prompt_tokens * 1e-6 + 12 * 2e-6
    )


async def test_a_stream_ends_with_usage_and_cost(client):
    stream = await client.chat.completions.create(
        **ASKED, stream=True, stream_options={"include_usage": True}
    )

    *chunks, last = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert last.usage.completion_tokens == 12
    assert last.usage.cost > 0


async def test_a_prompt_that_is_too_long_raises_the_clients_own_error(client):
    messages = [{"role": "user", "content": "word " * 4 * MAX_MODEL_LEN}]

    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(**ASKED | {"messages": messages})

    assert caught.value.code == "context_length_exceeded"


async def test_a_client_that_hangs_up_frees_the_engine(client, served):
    handle = served.handle()
    long = ASKED | {"max_tokens": MAX_MODEL_LEN - 100}
    long["extra_body"] = long["extra_body"] | {"ignore_eos": True}
    stream = await client.chat.completions.create(**long, stream=True)
    await anext(aiter(stream))

    await stream.close()

    for _ in range(100):
        if await handle.unfinished.remote() == 0:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the engine goes on")
