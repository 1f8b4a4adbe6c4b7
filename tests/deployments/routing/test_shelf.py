"""The artifacts that a Router holds beside its own."""

import asyncio
import threading

import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.errors import BadInput, EncoderMismatch
from deployments.protocol import ArtifactRef
from deployments.routing.shelf import Shelf, load_at
from tests.deployments.routing.test_embedder import Lengths
from tests.topic_artifacts import (
    of_another_encoder,
    saved,
    topic_artifact,
    without_coder,
)


class Counting:
    """Loads from disk, and writes down what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_load = threading.Event()
        self.may_load.set()

    def __call__(self, location: str) -> RoutingArtifact:
        self.asked.append(location.rpartition("/")[2])
        self.may_load.wait(10)
        return load_at(location)


@pytest.fixture
def loading() -> Counting:
    return Counting()


@pytest.fixture
def refs(tmp_path) -> dict[str, ArtifactRef]:
    """`a` and `b` are there, `c` is not."""
    saved(topic_artifact(), tmp_path / "a")
    saved(without_coder(), tmp_path / "b")
    return {name: ArtifactRef(name, str(tmp_path / name)) for name in "abc"}


async def test_what_is_asked_for_is_loaded_meanwhile_and_once(loading, refs):
    shelf = Shelf(Lengths.spec, loading)
    loading.may_load.clear()
    assert [shelf.get(refs["a"]) for _ in range(3)] == [None] * 3
    loading.may_load.set()

    found = await shelf.load(refs["a"])
    assert found.artifact_id == topic_artifact().artifact_id
    assert shelf.get(refs["a"]) is found
    assert loading.asked == ["a"]


async def test_one_that_is_slow_to_load_does_not_keep_another_waiting(loading, refs):
    shelf = Shelf(Lengths.spec, loading)
    loading.may_load.clear()
    assert shelf.get(refs["a"]) is None
    waiting = asyncio.create_task(shelf.load(refs["b"]))
    loading.may_load.set()

    assert (await waiting).models == ("mathematician", "small")


async def test_what_failed_is_left_alone_for_a_while(loading, refs):
    now = 0.0
    shelf = Shelf(Lengths.spec, loading, clock=lambda: now)
    with pytest.raises(BadInput, match=r"c/manifest\.json: No such file"):
        await shelf.load(refs["c"])
    assert shelf.get(refs["c"]) is None
    assert loading.asked == ["c"]

    now = 31.0
    saved(topic_artifact(), refs["c"].location)
    assert shelf.get(refs["c"]) is None
    await shelf.load(refs["c"])
    assert loading.asked == ["c", "c"]


async def test_the_least_recently_used_goes_when_there_are_too_many(loading, refs):
    saved(topic_artifact(), refs["c"].location)
    shelf = Shelf(Lengths.spec, loading, capacity=2)
    for name in "abac":
        await shelf.load(refs[name])
        shelf.get(refs[name])

    await shelf.load(refs["a"])
    assert loading.asked == ["a", "b", "c"]
    await shelf.load(refs["b"])
    assert loading.asked[-1] == "b"


async def test_one_of_another_encoder_is_refused(refs):
    saved(of_another_encoder(), refs["c"].location)

    with pytest.raises(EncoderMismatch, match="prompt: '' != 'query: '"):
        await Shelf(Lengths.spec).load(refs["c"])


async def test_one_that_is_not_what_was_registered_is_refused(refs):
    ref = ArtifactRef("a", refs["a"].location, without_coder().artifact_id)

    with pytest.raises(BadInput, match=r"/a: it holds [0-9a-f]{12}, not [0-9a-f]{12}"):
        await Shelf(Lengths.spec).load(ref)


def test_an_address_with_a_password_is_not_shown():
    assert "secret" not in repr(ArtifactRef("a", "https://u:secret@host/a"))


async def test_who_leaves_does_not_take_an_artifact_from_those_who_wait(loading, refs):
    shelf = Shelf(Lengths.spec, loading)
    loading.may_load.clear()
    leaving, waiting = (asyncio.create_task(shelf.load(refs["a"])) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait({leaving})
    loading.may_load.set()

    assert (await waiting).artifact_id == topic_artifact().artifact_id
    assert loading.asked == ["a"]
