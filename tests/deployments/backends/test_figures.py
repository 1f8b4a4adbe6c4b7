"""What an upstream states counts only where it can be true."""

import pytest

from deployments.backends.figures import (
    stated_cost,
    stated_tokens,
    stated_usage,
    stated_usd,
)
from deployments.backends.usage import cost_of
from deployments.protocol.backend import Usage

NO_NUMBERS = [None, True, "5", [5], {}, float("nan"), float("inf"), -5, -0.5]
TOO_DEAR = [1_000_000.5, 1e300]


@pytest.mark.parametrize("value", [*NO_NUMBERS, 5.0, 2**63])
def test_what_is_no_number_of_tokens(value):
    assert stated_tokens(value) is None


@pytest.mark.parametrize("value", [*NO_NUMBERS, *TOO_DEAR])
def test_what_is_no_amount_of_money(value):
    assert stated_usd(value) is None


@pytest.mark.parametrize("value", [0, 0.0, 2, 1e-9])
def test_amounts_of_money(value):
    assert stated_usd(value) == value


@pytest.mark.parametrize(
    ("prompt", "completion"), [(-1, 5), (10, -500_000), (10, None)]
)
def test_an_answer_without_both_counts_has_no_usage(prompt, completion):
    assert stated_usage(prompt, completion, 0, 0) is None


@pytest.mark.parametrize(
    ("cached", "known"), [(10, 10), (0, 0), (11, None), (-1, None)]
)
def test_no_more_can_be_cached_than_was_read(cached, known):
    assert stated_usage(10, 5, cached, None) == Usage(10, 5, 15, cached_tokens=known)


def test_reasoning_is_not_negative_either():
    assert stated_usage(10, 5, None, -3) == Usage(10, 5, 15)


@pytest.mark.parametrize(
    ("charged", "own_key", "by_provider", "cost_usd"),
    [
        (0.5, False, 0.5, 0.5),  # told beside what was charged: the same money
        (0.5, None, None, 0.5),
        (0, True, 0.25, 0.25),
        (0.5, True, 0.25, 0.75),
        (None, True, 0.25, 0.25),
        (0, True, None, None),
        (0, True, -1, None),
    ],
)
def test_with_a_provider_s_own_key_the_provider_charges_too(
    charged, own_key, by_provider, cost_usd
):
    assert stated_cost(charged, own_key, by_provider) == cost_usd


@pytest.mark.parametrize(
    ("total", "written"), [(135, 103), (41, 9), (None, 9), (134, 9), ("135", 9)]
)
def test_reasoning_beside_what_was_written_is_written_too(total, written):
    """xAI counts it apart; OpenAI within `completion_tokens`."""
    usage = stated_usage(32, 9, None, 94, total)

    assert usage == Usage(32, written, 32 + written, reasoning_tokens=94)


@pytest.mark.parametrize(
    ("total", "written"), [(103, 94), (10, 1), (9, 1), (None, 1), (-103, 1)]
)
def test_what_only_the_total_has_was_thought_and_is_paid_for(total, written):
    """So Google tells OpenAI's clients what a model has thought."""
    assert stated_usage(9, 1, None, None, total) == Usage(9, written, 9 + written)


def test_what_is_said_not_to_be_thought_is_not_taken_for_it():
    usage = stated_usage(9, 1, None, 0, 103)
    assert usage == Usage(9, 1, 10, reasoning_tokens=0)


@pytest.mark.parametrize(
    ("usage", "cost_usd"),
    [
        ({"cost": 0.5}, 0.5),  # OpenRouter
        ({"cost": {"request_cost": 0.006, "total_cost": 0.0071}}, 0.0071),  # Perplexity
        ({"cost_in_usd_ticks": 37_756_000}, 0.0037756),  # xAI
        ({"cost": {"total_cost": -1}}, None),
        ({"cost": {}}, None),
        ({"cost_in_usd_ticks": -5}, None),
        ({"cost_in_usd_ticks": "5"}, None),
        ({"cost_in_usd_ticks": True}, None),
        ({"cost_in_usd_ticks": 10**17}, None),
        ({"cost": 0.5, "cost_in_usd_ticks": 1}, 0.5),
    ],
)
def test_whatever_an_upstream_calls_it_what_it_charged_counts(usage, cost_usd):
    """Else its searches would be charged as tokens alone."""
    assert cost_of({"usage": usage}) == cost_usd
