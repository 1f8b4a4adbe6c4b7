"""What stores that hang do to others, and what is told of them."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from artifacts.errors import ArtifactError, BadInput
from deployments.routing.loading import Loading


class Stores:
    """Says what it was asked for; hangs, or fails, where the location says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = threading.Event()

    def __call__(self, location: str) -> str:
        self.asked.append(location)
        if "hang" in location:
            self.go_on.wait()
        if "broken" in location:
            raise BadInput("broken")
        return location.upper()


@pytest.fixture
def stores() -> Iterator[Stores]:
    made = Stores()
    yield made
    made.go_on.set()


async def test_what_is_loaded_and_what_fails(stores):
    loading = Loading(stores)

    assert await loading("a") == "A"
    with pytest.raises(BadInput, match="broken"):
        await loading("broken")


async def test_stores_that_hang_hold_up_no_other(stores):
    loading = Loading(stores, quick_s=0.01)
    hanging = [asyncio.create_task(loading(f"hang {n}")) for n in range(5)]
    await asyncio.sleep(0)

    assert await loading("a") == "A"
    assert not any(each.done() for each in hanging)
    stores.go_on.set()
    assert await asyncio.gather(*hanging) == [f"HANG {n}" for n in range(5)]


async def test_few_are_loaded_at_once_while_they_are_quick(stores):
    loading = Loading(stores)
    hanging = [asyncio.create_task(loading(f"hang {n}")) for n in range(3)]
    await asyncio.sleep(0.05)

    assert stores.asked == ["hang 0", "hang 1"]
    stores.go_on.set()
    assert len(await asyncio.gather(*hanging)) == 3


async def test_after_a_time_it_is_given_up_and_no_secret_is_shown(stores):
    loading = Loading(stores, quick_s=0.01, limit_s=0.02)

    with pytest.raises(ArtifactError) as raised:
        await loading("s3://u:secret@hang/a")
    assert str(raised.value) == "s3://hang/a: it could not be read within 0.02 s"


async def test_what_goes_on_hanging_takes_two_threads_and_is_free_again_after(stores):
    loading = Loading(stores, quick_s=0.01, limit_s=0.02)
    for _ in range(2):
        with pytest.raises(ArtifactError, match="within"):
            await loading("hang")

    with pytest.raises(ArtifactError, match="earlier tries"):
        await loading("hang")
    assert stores.asked == ["hang", "hang"]
    assert await loading("a") == "A"

    stores.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "artifact":
            thread.join()
    await loading("a")  # by now the loop has heard of it
    assert await loading("hang") == "HANG"


async def test_who_does_not_wait_any_more_leaves_his_turn_to_others(stores):
    loading = Loading(stores)
    leaving = [asyncio.create_task(loading(f"hang {n}")) for n in range(2)]
    await asyncio.sleep(0)
    for each in leaving:
        each.cancel()

    assert await loading("a") == "A"
