"""How many tokens an encoder reads of a text."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from artifacts.encoder import EncoderSpec
from deployments.backends.tokens import count_tokens

_TOKENIZER = "tokenizer.json"


class EncoderTokens:
    """Counts with the encoder's own tokenizer, if it lies in the encoder's directory.

    An encoder that comes from a hub has none there: then OpenAI's o200k vocabulary
    counts, `exact` is false, and no text is said to be too long.
    """

    def __init__(self, spec: EncoderSpec, directory: Path) -> None:
        self._prompt = spec.prompt
        self._tokenizer: Tokenizer | None = None
        path = directory / _TOKENIZER
        if path.is_file():
            self._tokenizer = Tokenizer.from_file(str(path))
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()

    @property
    def exact(self) -> bool:
        """Whether the encoder itself would count the same."""
        return self._tokenizer is not None

    def count(self, texts: Sequence[str]) -> list[int]:
        """What is read of each text: its tokens, the prompt's and the special ones."""
        prompted = [self._prompt + text for text in texts]
        if self._tokenizer is None:
            return [count_tokens(text) for text in prompted]
        # A lone surrogate is a legal str, but not to the tokenizer.
        clean = [text.encode("utf-8", "replace").decode() for text in prompted]
        return [len(self._tokenizer.encode(text).ids) for text in clean]
