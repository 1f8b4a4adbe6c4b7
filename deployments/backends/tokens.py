"""How many tokens a text is, so that a prompt is not thought smaller than it is.

Counted with OpenAI's o200k vocabulary, which is not that of every model; `MARGIN` is
for the difference. No byte-level tokenizer makes more tokens than there are UTF-8
bytes, so that bound is tried first: most prompts fit by it, and nothing is tokenised.
"""

import warnings
from functools import cache
from typing import Any

# Vocabularies of current models differ by about a tenth on English and code.
MARGIN = 1.15
TOKENS_PER_MESSAGE = 8  # role, separators
# A full-size image, as Anthropic counts it. Most of OpenAI's models count fewer; GPT-4o
# mini counts thousands more (docs/limits.md).
TOKENS_PER_IMAGE = 1600
_PIECE = 100_000  # characters


def count_tokens(text: str) -> int:
    """Tokens of the o200k vocabulary; linear in the length of the text.

    Long texts are counted in pieces, which can only add a token at each seam.
    """
    encoding = _encoding()
    pieces = (text[i : i + _PIECE] for i in range(0, len(text), _PIECE))
    return sum(len(encoding.encode_ordinary(piece)) for piece in pieces)


def load_vocabulary() -> None:
    """Before requests come, in a thread: it takes most of a second, and some 120 MiB.

    Budgets, limits of tokens and conversations have prompts counted, in the event loop
    if they are short; nothing else would go on there meanwhile.
    """
    _encoding()


@cache
def _encoding() -> Any:
    with warnings.catch_warnings():
        # It opens its vocabularies by a function that importlib has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai

        return bpe_openai.get_encoding("o200k_base")
