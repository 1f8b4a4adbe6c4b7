"""How much of a call its texts take: with long ones, few others share it.

A call crosses to another process whole, and is over when its last text is. Knows
nothing of what is called.
"""

_CHARACTERS = 4096  # about 1,000 tokens of English; what is shorter counts as much


def call_share(*texts: str | None) -> float:
    """Of texts that go together; 1 for what most are."""
    characters = sum(len(text) for text in texts if text is not None)
    return max(1.0, characters / _CHARACTERS)
