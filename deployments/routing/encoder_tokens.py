"""How many tokens an encoder reads of a text."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from artifacts.encoder_spec import EncoderSpec


class EncoderTokens:
    """Counts with the encoder's own tokenizer, which neither pads nor truncates."""

    exact = True  # the encoder itself would count the same

    def __init__(self, spec: EncoderSpec, tokenizer: Tokenizer) -> None:
        self._prompt = spec.prompt
        self._tokenizer = tokenizer

    def count(self, texts: Sequence[str]) -> list[int]:
        """What is read of each text: its tokens, the prompt's and the special ones."""
        prompted = [self._prompt + text for text in texts]
        # A lone surrogate is a legal str, but not to the tokenizer.
        clean = [text.encode("utf-8", "replace").decode() for text in prompted]
        # A batch, though of one: only that lets the loop and the encoder run meanwhile.
        return [len(self._tokenizer.encode_batch_fast([text])[0]) for text in clean]
