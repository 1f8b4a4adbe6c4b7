"""What one sample of an Inspect log says: text, score, usage.

Works on `inspect_ai`'s objects without importing it.
"""

from typing import Any

from artifacts.importers.cells import Usage
from artifacts.importers.fields import score as checked_score

# Inspect's grades: correct, incorrect, partially correct, no answer.
_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}


def query_text(sample: Any) -> str:
    """The text that the gateway would embed: the last user message's.

    Where no user message holds text, the last message that does (τ²-bench states the
    simulated user's scenario so); "" if none does.
    """
    if isinstance(sample.input, str):
        return sample.input.strip()
    texts = [(message.role, message.text.strip()) for message in sample.input]
    of_users = [text for role, text in texts if role == "user" and text]
    chosen: str = (of_users or [text for _, text in texts if text] or [""])[-1]
    return chosen


def sample_score(sample: Any, wanted: str | None) -> float | None:
    """The score in [0, 1]; None where the scorer gave none (Inspect's nan).

    `wanted` is `NAME`, `NAME:KEY` or `:KEY` (see `ImportOptions`). ValueError where
    that does not name one score, or the score is no number in [0, 1].
    """
    name, _, key = (wanted or "").partition(":")
    scores = sample.scores or {}
    if not name and len(scores) > 1:
        raise ValueError(f"scores: several ({_names(scores)}); choose with --scorer")
    if not scores:
        return None
    name = name or next(iter(scores))
    if name not in scores:
        raise ValueError(f"scores: no scorer {name!r} (there are: {_names(scores)})")
    return _number(scores[name].value, name, key)


def _number(value: Any, name: str, key: str) -> float | None:
    if isinstance(value, dict):
        if key not in value:
            keys = _names(value)
            what = f"several values ({keys}); choose with --scorer {name}:KEY"
            raise ValueError(f"scores.{name}: {what}")
        value, name = value[key], f"{name}:{key}"
    elif key:
        raise ValueError(f"scores.{name}: one value, it has no {key!r}")
    if isinstance(value, str):
        if value not in _GRADES:
            raise ValueError(f"scores.{name}: {value[:40]!r} is not C, I, P or N")
        return _GRADES[value]
    if isinstance(value, float) and value != value:  # Inspect's word for unscored
        return None
    return checked_score(value, f"scores.{name}")


def _names(values: Any) -> str:
    return ", ".join(sorted(values)) or "none"


def sample_usage(sample: Any, model: str, helpers: frozenset[str]) -> Usage:
    """What `model` used on the sample, over all turns, as the one under test.

    `helpers` are roles (a grader, a simulated user) that the same model plays: their
    part is taken out. Prompt tokens include what was read from and written to the
    provider's cache; completion tokens include reasoning. All None where the log has
    no usage, as for an answer that came from Inspect's own cache.
    """
    usage = sample.model_usage.get(model)
    if usage is None:
        return Usage()
    parts = [usage, *(sample.role_usage[r] for r in helpers & set(sample.role_usage))]
    prompt, completion = (
        _difference([count(part) for part in parts]) for count in (_prompt, _completion)
    )
    if prompt is None or completion is None or prompt + completion == 0:
        return Usage()
    cost = _difference([part.total_cost for part in parts])
    return Usage(prompt, completion, cost)


def _prompt(usage: Any) -> float:
    cached = usage.input_tokens_cache_read or 0, usage.input_tokens_cache_write or 0
    return float(usage.input_tokens + sum(cached))


def _completion(usage: Any) -> float:
    return float(usage.output_tokens)


def _difference(amounts: list[float | None]) -> float | None:
    """The first less the others; None if one is unknown, or the rest are more."""
    if None in amounts:
        return None
    first, *others = (amount for amount in amounts if amount is not None)
    left = first - sum(others)
    return left if left >= 0 else None
