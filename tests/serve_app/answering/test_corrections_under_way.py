"""Corrections that are under way when a replica ends."""

import asyncio

from serve_app.answering import correction


async def test_those_that_are_waited_for_are_drained(caplog):
    done = []

    async def soon() -> None:
        await asyncio.sleep(0.01)
        done.append(1)

    corrections = correction.Corrections()
    corrections.begin(soon())
    await corrections.drain(10)

    assert done == [1]
    assert caplog.text == ""


async def test_those_that_take_too_long_are_given_up(caplog):
    corrections = correction.Corrections()
    corrections.begin(asyncio.sleep(3600))
    await corrections.drain(0.01)
    await corrections.drain(3600)  # none is left

    assert "what 1 answers have cost stays unknown" in caplog.text


async def test_what_may_be_told_late_holds_up_no_end(caplog):
    corrections = correction.Corrections()
    corrections.begin(asyncio.sleep(3600), late=True)
    await asyncio.wait_for(corrections.drain(3600), timeout=10)

    assert "what 1 answers have cost stays unknown" in caplog.text


async def test_of_late_ones_there_are_only_so_many(monkeypatch, caplog):
    monkeypatch.setattr(correction, "_MOST_LATE", 2)
    corrections = correction.Corrections()
    for _ in range(3):
        corrections.begin(asyncio.sleep(3600), late=True)
    await corrections.drain(3600)

    assert "what 2 answers have cost stays unknown" in caplog.text
