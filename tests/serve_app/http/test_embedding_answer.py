"""Vectors are rendered as they come."""

import asyncio
import json

import numpy as np

from serve_app.http.embedding_answer import Rendering


async def test_vectors_are_numbered_through_whatever_pieces_they_come_in():
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    rendering = Rendering(as_base64=False)
    await rendering.add(rows[:2])
    await rendering.add(rows[2:])
    answer = json.loads(await rendering.answer("org/model", 7))

    assert [item["index"] for item in answer["data"]] == [0, 1, 2, 3, 4]
    assert [item["embedding"] for item in answer["data"]] == rows.tolist()
    assert answer["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert (answer["object"], answer["model"]) == ("list", "org/model")


async def test_other_requests_have_their_turns_while_many_are_rendered():
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    await Rendering(as_base64=True).add(np.zeros((512, 384), np.float32))
    running.cancel()

    assert turns >= 512 * 384 // 8192 - 1


async def test_a_vector_longer_than_what_is_rendered_at_a_time_is_rendered():
    rendering = Rendering(as_base64=False)
    await rendering.add(np.zeros((2, 10_000), np.float32))

    answer = json.loads(await rendering.answer("m", 1))
    assert len(answer["data"]) == 2
