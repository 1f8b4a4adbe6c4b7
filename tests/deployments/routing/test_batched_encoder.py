"""What is encoded together, and where."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from deployments.errors import RoutingUnavailable
from deployments.routing.batched_encoder import BatchedEncoder
from deployments.routing.encoder_load import EncoderLoad
from deployments.telemetry.metrics import EmbedderMetrics
from tests.deployments.routing.test_encoder_load import Clock
from tests.kept_metrics import kept
from tests.length_encoder import SPEC


class Words:
    """One token a word; its vector tells how many. The encoding waits for the gate."""

    spec = SPEC
    tokenizer = None

    def __init__(self, *, runs_batches: bool = True) -> None:
        self.runs_batches = runs_batches
        self.tokenised: list[str] = []
        self.batches: list[list[int]] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        self.threads.add(threading.current_thread().name)
        self.tokenised += texts
        return [[1] * len(text.split()) for text in texts]

    def encode_ids(self, windows: Sequence[list[int]]) -> np.ndarray:
        self.threads.add(threading.current_thread().name)
        self.gate.wait(10)
        self.batches.append([len(window) for window in windows])
        return np.array([[len(window), 1] for window in windows], np.float32)


async def answered(words: Words, lengths: list[int], budget: int) -> list[float]:
    """All asked at once, while the first of them is being encoded."""
    batched = BatchedEncoder(words, max_batch_tokens=budget)
    first = asyncio.ensure_future(batched.vector("w"))
    while not words.tokenised:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    others = [asyncio.ensure_future(batched.vector("w " * n)) for n in lengths]
    while len(words.tokenised) < 1 + len(lengths):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    words.gate.set()
    rows = await asyncio.gather(first, *others)
    return [row[0] for row in rows[1:]]


async def test_each_text_gets_its_own_row_and_is_tokenised_once():
    words = Words()

    assert await answered(words, [3, 1, 2], 100) == [3, 1, 2]
    assert sorted(words.tokenised) == ["w", "w ", "w w ", "w w w "]


async def test_like_lengths_go_together_within_the_budget():
    words = Words()
    await answered(words, [30, 2, 31, 2, 29], 62)

    assert words.batches == [[1], [30, 29], [2, 2], [31]]


async def test_an_encoder_that_gains_nothing_by_batches_gets_a_few_texts_in_turn():
    words = Words(runs_batches=False)
    answers = await answered(words, [50, 46, 1, 200, 2, 3], budget=4096)

    assert answers == [50, 46, 1, 200, 2, 3]
    assert words.batches == [[1], [50, 46], [1], [200], [2, 3]]


async def test_its_next_texts_stand_ready_while_it_works():
    tally, told = kept()
    words = Words(runs_batches=False)
    batched = BatchedEncoder(
        words, max_batch_tokens=4096, metrics=EmbedderMetrics(tally)
    )
    asked = [asyncio.ensure_future(batched.vector("w " * 90)) for _ in range(3)]
    while told.times("avengers_embed_batch_size") < 2:
        await asyncio.sleep(0.001)
        tally.flush()

    assert not words.batches
    words.gate.set()
    await asyncio.gather(*asked)
    assert words.batches == [[90], [90], [90]]


async def test_texts_of_one_call_share_a_batch():
    words = Words()
    words.gate.set()
    batched = BatchedEncoder(words, max_batch_tokens=100)
    await asyncio.gather(*(batched.vector("w w") for _ in range(5)))

    assert words.batches == [[2, 2, 2, 2, 2]]


async def test_neither_step_runs_on_the_event_loop():
    words = Words()
    words.gate.set()
    await BatchedEncoder(words, max_batch_tokens=9).vector("w")

    assert words.threads == {"tokenizer_0", "encoder_0"}


async def test_batches_and_their_tokens_are_told():
    tally, told = kept()
    words = Words()
    words.gate.set()
    metrics = EmbedderMetrics(tally)
    batched = BatchedEncoder(words, max_batch_tokens=100, metrics=metrics)
    await batched.vector("three short words")

    tally.flush()
    assert told.times("avengers_embed_batch_size") == 1
    assert told.gauges["avengers_embed_batch_size_sum"] == {(): 1.0}
    assert told.gauges["avengers_embed_batch_tokens_sum"] == {(): 3.0}


async def test_what_waits_is_counted_in_tokens_without_padding():
    words = Words()
    batched = BatchedEncoder(words, max_batch_tokens=100)
    asked = [asyncio.ensure_future(batched.vector("w " * n)) for n in (3, 1, 5)]
    while len(words.tokenised) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    while not batched.load.told()["queued_tokens"]:  # noqa: ASYNC110
        await asyncio.sleep(0.001)

    assert batched.load.told()["queued_tokens"] == 9
    words.gate.set()
    await asyncio.gather(*asked)
    assert batched.load.told()["queued_tokens"] == 0


class Faulty(Words):
    """Fails at texts of more than `most` words."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.gate.set()

    def encode_ids(self, windows: Sequence[list[int]]) -> np.ndarray:
        rows = super().encode_ids(windows)
        if max(map(len, windows)) > self.most:
            raise RuntimeError("CUDA error")
        return rows


async def test_a_batch_that_was_too_much_leaves_it_well():
    words = Faulty(most=5)
    batched = BatchedEncoder(words, max_batch_tokens=100)
    with pytest.raises(RuntimeError, match="CUDA error"):
        await batched.vector("w " * 6)

    await batched.check()
    await batched.check()

    assert words.batches == [[6], [1]]
    assert (await batched.vector("w w"))[0] == 2


async def test_an_encoder_that_fails_at_anything_is_told_until_it_works():
    words = Faulty(most=0)
    batched = BatchedEncoder(words, max_batch_tokens=100)
    await batched.check()
    with pytest.raises(RuntimeError, match="CUDA error"):
        await batched.vector("w")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="CUDA error"):
            await batched.check()
    words.most = 5
    await batched.check()


async def left_alone(batched: BatchedEncoder, words: Words) -> None:
    """A text is being encoded; who asked for it has given up."""
    asked = asyncio.ensure_future(batched.vector("w w"))
    while "encoder_0" not in words.threads:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    asked.cancel()
    await asyncio.wait([asked])


async def test_an_encoder_that_hangs_leaves_the_check_without_an_answer():
    words, clock = Words(), Clock()
    batched = BatchedEncoder(words, max_batch_tokens=100)
    batched.load = EncoderLoad(clock)
    await left_alone(batched, words)
    await batched.check()  # it may be at work

    clock.now += 60
    checked = asyncio.ensure_future(batched.check())
    await asyncio.wait([checked], timeout=0.2)

    assert not checked.done()  # Serve waits for health_check_timeout_s
    words.gate.set()
    await checked


async def test_an_encoder_that_nobody_waited_for_is_asked_once_and_is_well():
    words, clock = Words(), Clock()
    batched = BatchedEncoder(words, max_batch_tokens=100)
    batched.load = EncoderLoad(clock)
    await left_alone(batched, words)
    words.gate.set()

    for _ in range(3):
        clock.now += 60
        await batched.check()

    assert words.batches == [[2], [1]]


class Pointless(Words):
    """A text of `at` words gets such a row."""

    def __init__(self, row: list[float], at: int) -> None:
        super().__init__()
        self.row, self.at = row, at
        self.gate.set()

    def encode_ids(self, windows: Sequence[list[int]]) -> np.ndarray:
        rows = super().encode_ids(windows)
        rows[[len(window) == self.at for window in windows]] = self.row
        return rows


@pytest.mark.parametrize("row", [[np.nan, 0.6], [np.inf, 0.0], [0.0, 0.0]])
async def test_a_vector_without_a_direction_is_an_error_of_its_text_alone(row):
    batched = BatchedEncoder(Pointless(row, at=2), max_batch_tokens=100)

    asked = [batched.vector("w " * n) for n in (2, 3)]
    failed, well = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(failed, RoutingUnavailable)
    assert well.tolist() == [3, 1]
    await batched.check()


async def test_an_encoder_that_makes_nothing_but_such_vectors_is_told():
    batched = BatchedEncoder(Pointless([np.nan, np.nan], at=1), max_batch_tokens=100)
    with pytest.raises(RoutingUnavailable, match="without a direction"):
        await batched.vector("w")

    for _ in range(2):
        with pytest.raises(RoutingUnavailable, match="without a direction"):
            await batched.check()


async def test_a_text_that_the_encoder_fails_at_takes_nothing_from_its_batch():
    words = Faulty(most=5)
    batched = BatchedEncoder(words, max_batch_tokens=100)

    asked = [batched.vector("w " * n) for n in (4, 5, 6, 5, 3)]
    rows = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(rows[2], RuntimeError)
    assert [row[0] for row in rows[:2] + rows[3:]] == [4, 5, 5, 3]
    await batched.check()


async def test_a_text_that_the_tokenizer_fails_at_takes_nothing_from_the_others():
    class Choosy(Words):
        def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
            if "bad" in texts:
                raise ValueError("no token")
            return super().token_ids(texts)

    words = Choosy()
    words.gate.set()
    batched = BatchedEncoder(words, max_batch_tokens=100)
    asked = [batched.vector(text) for text in ("w", "bad", "w w")]
    rows = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(rows[1], ValueError)
    assert [rows[0][0], rows[2][0]] == [1, 2]


@pytest.mark.parametrize("runs_batches", [True, False])
async def test_a_text_whose_turn_comes_too_late_is_not_encoded(runs_batches):
    words = Words(runs_batches=runs_batches)
    batched = BatchedEncoder(words, max_batch_tokens=100)
    until = asyncio.get_running_loop().time() + 0.2
    asked = [asyncio.ensure_future(batched.vector("w " * 99)) for _ in range(2)]
    while len(words.tokenised) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    late = asyncio.ensure_future(batched.vector("w", until))
    await asyncio.sleep(0.3)
    words.gate.set()

    with pytest.raises(RoutingUnavailable, match="in time"):
        await late
    await asyncio.gather(*asked)
    assert words.batches == [[99], [99]]
    assert batched.load.told()["queued_tokens"] == 0
