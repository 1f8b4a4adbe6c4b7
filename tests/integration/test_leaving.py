"""Clients that leave take nothing from those that stay, on the real graph."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.conftest import KEY, Served

pytestmark = pytest.mark.integration

ROUNDS = 4
CLIENTS = 8  # of each kind, at a time


def test_who_shares_a_decision_keeps_it_when_others_leave(served):
    answers = asyncio.run(_rounds(served))

    assert len(answers) == ROUNDS * CLIENTS
    assert {answer.status_code for answer in answers} == {200}
    # A call that was taken away would have been answered by the default model.
    assert {answer.headers["x-routing"] for answer in answers} == {"routed"}


async def _rounds(served: Served) -> list[httpx.Response]:
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
        return [
            answer
            for number in range(ROUNDS)
            for answer in await _round(client, number)
        ]


async def _round(client: httpx.AsyncClient, number: int) -> list[httpx.Response]:
    """Some ask and leave while the encoder is at work; the answers of those who stay.

    Every other one leaves, so that most decisions are shared by both kinds, and the
    calls of some are begun by one that leaves.
    """
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(_ask(client, f"{number}.{place}"))
            for place in range(2 * CLIENTS)
        ]
        await asyncio.sleep(0.02 * (number + 1))
        for leaving in asked[::2]:
            leaving.cancel()
    return [task.result() for task in asked[1::2]]


async def _ask(client: httpx.AsyncClient, name: str) -> httpx.Response:
    """A long question that nobody has asked before: its vector takes a while."""
    text = f"Question {name}: " + f"what is the sum of {name} and its double? " * 40
    body: dict[str, Any] = {"messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {KEY}"}
    return await client.post("/v1/chat/completions", json=body, headers=headers)
