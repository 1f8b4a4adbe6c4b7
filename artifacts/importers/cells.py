"""What every importer yields: one model on one sample, with or without a score."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from artifacts.token_price import TokenPrice


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call used; None = the source does not say, which is not 0.

    `estimated`: the source itself calls its cost an estimate.
    """

    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    cost_usd: float | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One model on one sample, once.

    Attempts belong to the same query if their `dataset` and `key` are equal. `index`
    is the source's own id of the sample. `score` is in [0, 1]; None is a gap, and
    `gap` says why. `where` names file and row for messages.
    """

    dataset: str
    key: str
    index: str | None
    query: str
    model: str
    where: str
    usage: Usage = Usage()
    score: float | None = None
    gap: str = ""
    epoch: int = 1


@dataclass(frozen=True, slots=True)
class Note:
    """Something of the source that was left out or chosen, for the user to know."""

    text: str


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read; see the options of `avengers import`.

    `scorer` is `NAME`, `NAME:KEY` or `:KEY`, where KEY is one of a score's values.
    """

    prices: Mapping[str, TokenPrice] = field(default_factory=dict)
    model_names: Mapping[str, str] = field(default_factory=dict)
    drop_unpriced: bool = False
    scorer: str | None = None
    allow_incomplete: bool = False
