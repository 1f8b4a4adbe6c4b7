"""What is asked of an embedder in `scripts/bench/embedder`, and what is noted."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from tokenizers import Tokenizer

from artifacts.encoder_spec import EncoderSpec
from deployments.routing.embedder import TextEncoder

MIXED = 0  # stands for texts of many lengths

_WORDS = ("the", "of", "and", "to", "in", "is", "for", "that", "it", "as", "with")


@dataclass(frozen=True, slots=True)
class Speed:
    """Texts of one length at one batch size; `tokens` 0: of many lengths."""

    engine: str
    budget: int
    tokens: int
    texts_per_s: float
    tokens_per_s: float
    peak_share: float | None  # of the chip's; None: not known
    p50_ms: float  # of one text alone


@dataclass(frozen=True, slots=True)
class Ruler:
    """Texts by their length in tokens, as the encoder counts."""

    count: Callable[[str], int]
    longest: int  # the window

    @classmethod
    def of(cls, spec: EncoderSpec, directory: Path) -> "Ruler":
        """As the encoder that lies in `directory` counts."""
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        tokenizer.no_truncation()

        def count(text: str) -> int:
            return len(tokenizer.encode(spec.prompt + text).ids)

        return cls(count, spec.max_tokens)

    def text(self, tokens: int, rng: np.random.Generator) -> str:
        """A text of about so many tokens, prompt and special ones included."""
        fixed = self.count("")
        per_word = (self.count(" ".join(_WORDS)) - fixed) / len(_WORDS)
        size = max(1, round((min(tokens, self.longest) - fixed) / per_word))
        words = rng.choice(_WORDS, size).tolist()
        return " ".join(words)

    def mixed(self, n: int, rng: np.random.Generator) -> list[str]:
        """A long tail of lengths: half below 90 tokens, one in forty above 600."""
        lengths = np.exp(rng.normal(np.log(90), 1.0, n)).astype(int)
        return [self.text(int(length), rng) for length in np.clip(lengths, 8, 4096)]


async def measure(  # noqa: PLR0913  (the coordinates of one figure)
    encoder: TextEncoder,
    ruler: Ruler,
    tokens: int,
    *,
    least_tokens: int,
    repeats: int,
    flops_share: Callable[[float], float | None],
    engine: str,
    budget: int,
) -> Speed:
    """All texts at once for the throughput, then one after the other."""
    rng = np.random.default_rng(tokens)
    each = tokens or 130  # mean of the mixture
    n = max(8, least_tokens // each)
    if tokens == MIXED:
        texts = ruler.mixed(n, rng)
    else:
        texts = [ruler.text(tokens, rng) for _ in range(n)]
    total = sum(min(ruler.count(text), ruler.longest) for text in texts)
    took_s = await _together(encoder, texts)
    alone = [await _together(encoder, [text]) for text in texts[:repeats]]
    return Speed(
        engine=engine,
        budget=budget,
        tokens=tokens,
        texts_per_s=len(texts) / took_s,
        tokens_per_s=total / took_s,
        peak_share=flops_share(total / took_s),
        p50_ms=median(alone) * 1e3,
    )


async def _together(encoder: TextEncoder, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    await asyncio.gather(*map(encoder.vector, texts))
    return time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Advice:
    """What the measured capacity means for Ray's settings of the Embedder."""

    engine: str
    budget: int
    texts_per_s: float
    max_ongoing_requests: int
    target_ongoing_requests: int


def advice(speeds: Sequence[Speed], wait_s: float) -> Advice:
    """Of the fastest with texts of many lengths (Little's law: n = rate × wait).

    Who finds n texts before him waits n / rate; beyond `wait_s` the request would be
    routed by the default model anyway, so it is better refused at once. A replica is
    added when half of that many wait.
    """
    best = max(
        (speed for speed in speeds if speed.tokens == MIXED),
        key=lambda speed: speed.texts_per_s,
    )
    most = max(1, int(best.texts_per_s * wait_s))
    return Advice(best.engine, best.budget, best.texts_per_s, most, max(1, most // 2))
