"""Text -> token ids that fit a model's window; a long text keeps its head and tail."""

import re

from tokenizers import Tokenizer

TokenIds = list[int]

_WORD_LIMIT = 100
_SURROGATES = re.compile("[\ud800-\udfff]")


class TokenWindow:
    """Cuts to `max_tokens` ids, the model's special tokens included.

    Half of the budget goes to the text's beginning and half to its end, where the
    question often stands; the middle is dropped.

    Tokenising is linear in the text, so a huge text is first cut in characters. One
    token covers at most `chars_per_token` characters of single-spaced text: a
    vocabulary entry or, for WordPiece, a whole word of up to 100 characters that
    became one [UNK]; plus one space. So half the budget times that many characters
    at each end hold every token that could be kept, with one exception: characters
    that yield no token of their own (runs of spaces, control characters, combining
    marks, the inside of a word longer than 100 characters) can fill the space. Such
    a text gets a shorter window, still of its head and its tail. English text has
    4 to 5 characters a token, so the slack is about twentyfold.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self.tokenizer = tokenizer
        self._prefix, self._suffix = _special_ids(tokenizer)
        self._budget = max_tokens - len(self._prefix) - len(self._suffix)
        longest = max(len(token) for token in tokenizer.get_vocab())
        self.chars_per_token = max(longest, _WORD_LIMIT) + 1

    def ids(self, text: str) -> TokenIds:
        """At least the special tokens; an empty text is legal."""
        cut = self._cut_characters(text)
        # A lone surrogate is a legal str and illegal UTF-8, which the tokenizer wants.
        clean = _SURROGATES.sub("\ufffd", cut)
        # A batch, though of one: only that lets other threads run meanwhile, and a long
        # text takes a second. `fast` is without the places of the tokens in the text.
        encode = self.tokenizer.encode_batch_fast
        ids: TokenIds = encode([clean], add_special_tokens=False)[0].ids
        if len(ids) > self._budget:
            tail = self._budget // 2
            ids = ids[: self._budget - tail] + ids[len(ids) - tail :]
        return self._prefix + ids + self._suffix

    def _cut_characters(self, text: str) -> str:
        side = (self._budget + 1) // 2 * self.chars_per_token
        if len(text) <= 2 * side:
            return text
        return f"{text[:side]} {text[-side:]}"


def plain(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that neither pads nor truncates: both are done by us."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def _special_ids(tokenizer: Tokenizer) -> tuple[TokenIds, TokenIds]:
    """What the model's template puts before and after a text."""
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    full = tokenizer.encode("a", add_special_tokens=True).ids
    start = full.index(plain[0])
    return full[:start], full[start + len(plain) :]
