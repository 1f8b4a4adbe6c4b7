"""What an upstream's `usage` says was read and written."""

import pytest

from deployments.backends.usage import usage_of
from deployments.protocol.backend import Usage


@pytest.mark.parametrize(
    ("prompt", "total", "read", "usage"),
    [
        (368, 10_923, 10_000, Usage(10_904, 19, 10_923, 10_000, None, 536)),  # Bedrock
        # It thought unseen.
        (368, 10_973, 10_000, Usage(10_904, 69, 10_973, 10_000, None, 536)),
        # Anthropic
        (368, 387, 10_000, Usage(10_904, 19, 10_923, 10_000, None, 536)),
        (368, None, 10_000, Usage(10_904, 19, 10_923, 10_000, None, 536)),
        (10_904, 10_923, 10_000, Usage(10_904, 19, 10_923, None, None, 536)),  # LiteLLM
        (368, 387, -10_000, Usage(904, 19, 923, 0, None, 536)),
    ],
)
def test_what_a_cache_held_of_a_prompt_is_of_the_prompt(prompt, total, read, usage):
    """Else whoever marks his prompt for the cache would read and write it for free."""
    said = {
        "prompt_tokens": prompt,
        "completion_tokens": 19,
        "total_tokens": total,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": 536,
    }
    assert usage_of({"usage": said}) == usage


def test_thoughts_beside_what_was_written_are_not_taken_for_what_a_cache_held():
    said = {
        "prompt_tokens": 32,
        "completion_tokens": 9,
        "total_tokens": 135,
        "completion_tokens_details": {"reasoning_tokens": 94},
        "cache_read_input_tokens": 30,
    }
    assert usage_of({"usage": said}) == Usage(32, 103, 135, reasoning_tokens=94)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ({"prompt_tokens_details": {"cache_write_tokens": 60}}, 60),  # OpenRouter
        ({"prompt_tokens_details": {"cache_creation_tokens": 60}}, 60),  # LiteLLM
        ({"cache_creation_input_tokens": 60}, 60),
        (
            {"prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 70}},
            70,
        ),
        (
            {"prompt_tokens_details": {"cached_tokens": 31, "cache_write_tokens": 70}},
            None,
        ),
        ({"prompt_tokens_details": {"cache_write_tokens": "60"}}, None),
        ({"prompt_tokens_details": {}}, None),
    ],
)
def test_what_a_cache_wrote_is_what_was_read_and_not_in_it(said, written):
    usage = usage_of({"usage": {"prompt_tokens": 100, "completion_tokens": 1, **said}})

    assert usage is not None
    assert (usage.prompt_tokens, usage.cache_write_tokens) == (100, written)
