import string
import threading
import time
from pathlib import Path

import pytest
from tokenizers import Tokenizer

import artifacts
from artifacts.token_window import TokenWindow

TOKENIZER = Path(artifacts.__file__).parent / "default" / "encoder" / "tokenizer.json"
CLS, SEP = 101, 102


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(TOKENIZER))


@pytest.fixture(scope="module")
def letters(tokenizer: Tokenizer) -> list[int]:
    text = " ".join(string.ascii_lowercase)
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def test_special_tokens_count_towards_the_window(
    tokenizer: Tokenizer, letters: list[int]
) -> None:
    window = TokenWindow(tokenizer, 8)

    assert window.ids("") == [CLS, SEP]
    assert window.ids("a b c d e f") == [CLS, *letters[:6], SEP]


@pytest.mark.parametrize(("size", "head", "tail"), [(8, 3, 3), (9, 4, 3), (12, 5, 5)])
def test_a_long_text_keeps_both_ends(
    tokenizer: Tokenizer, letters: list[int], size: int, head: int, tail: int
) -> None:
    ids = TokenWindow(tokenizer, size).ids(" ".join(string.ascii_lowercase))

    assert ids == [CLS, *letters[:head], *letters[-tail:], SEP]


@pytest.mark.parametrize("word", ["a", "qz" * 49, "☃" * 100, "漢"])
def test_cutting_characters_first_changes_no_id(
    tokenizer: Tokenizer, word: str
) -> None:
    window = TokenWindow(tokenizer, 256)
    text = "x " + f"{word} " * (200_000 // len(word)) + "y"

    everything = tokenizer.encode(text, add_special_tokens=False).ids

    assert window.ids(text) == [CLS, *everything[:127], *everything[-127:], SEP]


def test_a_lone_surrogate_is_left_out(tokenizer: Tokenizer, letters: list[int]) -> None:
    assert TokenWindow(tokenizer, 8).ids("a \ud800 b") == [CLS, *letters[:2], SEP]


def test_while_a_long_text_is_tokenised_other_threads_run(tokenizer: Tokenizer) -> None:
    """The Embedder answers in another one, and tells Serve that it is well."""
    window = TokenWindow(tokenizer, 2**16)
    thread = threading.Thread(target=window.ids, args=["word " * 50_000])
    start = last = time.perf_counter()
    longest_s = 0.0
    thread.start()
    while thread.is_alive():
        time.sleep(0)
        now = time.perf_counter()
        longest_s, last = max(longest_s, now - last), now

    assert longest_s < (last - start) / 2
