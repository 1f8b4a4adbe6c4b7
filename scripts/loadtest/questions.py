"""The questions that users ask, and the conversations they stand in."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artifacts.queries import read_queries

# Without a file: as many words as a lognormal draw says (median 45, σ 1.0, at most
# 4,000), so one in a hundred is longer than 460.
_MEDIAN_WORDS, _SIGMA, _MOST_WORDS, _MADE = 45.0, 1.0, 4000, 500
VOCABULARY = (
    "a train with two engines leaves the station at noon and we must find out how "
    "long it takes to reach the next city if each hour is worth more than the last"
)
# Of the questions that follow an earlier turn; so one in 32 has five turns before it.
_GOES_ON = 0.5
_MOST_TURNS = 8


def questions(path: Path | None, seed: int) -> tuple[str, ...]:
    """Of a file (records, JSON lines or one text a line); made up without one."""
    if path is not None:
        return read_queries(path)
    draw = random.Random(seed)
    return tuple(_made(draw) for _ in range(_MADE))


def _made(draw: random.Random) -> str:
    words = min(
        _MOST_WORDS, max(3, round(_MEDIAN_WORDS * draw.lognormvariate(0, _SIGMA)))
    )
    return " ".join(draw.choices(VOCABULARY.split(), k=words)) + "?"


def conversation(texts: Sequence[str], draw: random.Random) -> list[dict[str, str]]:
    """A question with the turns before it: half have none, and the tail is long."""
    messages: list[dict[str, str]] = []
    while len(messages) < 2 * _MOST_TURNS and draw.random() < _GOES_ON:
        messages.append({"role": "user", "content": draw.choice(texts)})
        messages.append({"role": "assistant", "content": draw.choice(texts)})
    messages.append({"role": "user", "content": draw.choice(texts)})
    return messages


def body(
    texts: Sequence[str],
    models: Sequence[str],
    stream_share: float,
    draw: random.Random,
) -> dict[str, Any]:
    """One request as clients send it."""
    asked: dict[str, Any] = {
        "model": draw.choice(models),
        "messages": conversation(texts, draw),
    }
    if draw.random() < stream_share:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return asked
