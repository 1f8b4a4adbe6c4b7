"""What upstream and load generator agree on, so that each answer can be verified.

A question carries a mark (`#000042`); the upstream repeats it in its answer. An answer
that belongs to another question, or that lacks a part, is so found out.
"""

import re
from dataclasses import dataclass
from random import Random

MARK = re.compile(rb"#(\d{6})")
WORD = b"~w"  # begins each token of a streamed answer
CHUNKS = 50
_WORDS = (
    "what is the sum of all even numbers between price train city river market farmer "
    "seven twelve apples boxes hours speed distance average share profit water tank "
    "square circle angle function returns list string value after each before total"
)
_SYSTEM = (
    "You are a careful assistant. Answer in one short paragraph, show the steps that "
    "lead to the result, and state the final result alone on the last line. If the "
    "question cannot be answered from what is given, say so and name what is missing. "
    "Do not guess numbers that were not given to you."
)


# Of a question: about 20 tokens, and about 200.
WORDS, MANY_WORDS = 15, 190


@dataclass(frozen=True)
class Load:
    """What to ask of whom. `rate` = an open loop; else `connections` ask in turn."""

    port: int
    path: str
    headers: dict[str, str]
    model: str
    seconds: float
    connections: int = 1
    rate: float | None = None
    stream: bool = False
    texts: int = 100  # distinct questions; 0 = none is asked twice
    words: int = WORDS
    seed: int = 0
    tenants: int = 0  # > 0: each asks in turn, with its own key
    must_say: str | None = None  # a header line of every right answer, lower case


def tenant_key(number: int) -> bytes:
    """The key of one of many tenants."""
    return b"sk-av-overhead-%06d" % number


def mark(number: int) -> bytes:
    """The mark of a question."""
    return b"#%06d" % (number % 1_000_000)


def question(number: int, *, seed: int = 0, words: int = WORDS) -> str:
    """The same text for the same number, seed and length."""
    random = Random((seed << 32) + number)
    return (
        " ".join(random.choices(_WORDS.split(), k=words)) + f" {mark(number).decode()}"
    )


def messages(number: int, *, seed: int = 0, words: int = WORDS) -> list[dict[str, str]]:
    """A system prompt and a question; of 20 tokens, it is a body of about 500 bytes."""
    return [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": question(number, seed=seed, words=words)},
    ]
