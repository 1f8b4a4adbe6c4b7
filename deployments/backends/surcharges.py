"""What an answer shows of a charge that no price by the token covers.

An upstream may state no cost and have charged for a search, a tool that it ran, speech,
or another tier than the price is of: what the tokens come to is not the cost then. It
is read where the answer is read anyway; what passes through is not parsed for it.
"""

from collections.abc import Iterator
from typing import Any

from deployments.backends.usage import detail
from deployments.protocol.backend import Surcharges

# At the usual price, in the words of OpenAI, Anthropic and Groq.
_USUAL_TIERS = {"auto", "default", "standard", "standard_only", "on_demand"}
# Tokens that have a price of their own, as chat completions and responses name them.
_OTHER_TOKENS = (
    ("prompt_tokens_details", "audio_tokens"),
    ("completion_tokens_details", "audio_tokens"),
    ("completion_tokens_details", "image_tokens"),
    ("input_tokens_details", "audio_tokens"),
    ("output_tokens_details", "audio_tokens"),
    ("output_tokens_details", "image_tokens"),
    ("prompt_tokens_details", "web_search_requests"),  # LiteLLM's
    ("cache_creation", "ephemeral_1h_input_tokens"),  # Anthropic's, at twice the price
)
# What was done beside, in a `usage` of Anthropic, xAI (two), Perplexity and Mistral.
_COUNTS = (
    "server_tool_use",
    "num_server_side_tools_used",
    "num_sources_used",
    "num_search_queries",
    "prompt_audio_seconds",
)
# Items of a response that the client runs, or of which only the tokens are charged.
_PLAIN_CALLS = {
    "function_call",
    "custom_tool_call",
    "computer_call",
    "local_shell_call",
    "apply_patch_call",
    "mcp_call",
    "tool_search_call",
}
_UNFINISHED = ("queued", "in_progress")


class Shown:
    """What an answer has shown by now of how it is charged."""

    def __init__(self) -> None:
        self.service_tier: str | None = None  # that it was served in
        self.extras = False
        self.lists_tools = False  # all that its upstream ran: what it did not, was not

    def see(self, data: dict[str, Any]) -> None:
        """A chunk, a response or a whole answer, of any path."""
        usage = data.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        tier = data.get("service_tier") or usage.get("service_tier")
        if isinstance(tier, str):  # of a response that has only begun: what is asked
            self.service_tier = tier
        output = data.get("output")
        if isinstance(output, list) and data.get("status") not in _UNFINISHED:
            self.lists_tools = True
            self.extras |= any(map(_is_charged, output))
        choices = data.get("choices")
        self.extras |= isinstance(choices, list) and any(map(_cites, choices))
        # Groq's, of an answer that several models have a part in.
        self.extras |= _counts_more(usage) or bool(data.get("usage_breakdown"))


def is_priced(asked: Surcharges, shown: Shown | None = None) -> bool:
    """Whether the price of the tokens is that of the answer, as far as request and
    answer show; `shown` None: nothing has been seen of its end."""
    tier = shown.service_tier if shown else None
    if _tier(tier or asked.service_tier) != _tier(asked.priced_tier):
        return False
    if shown is not None and (shown.extras or shown.lists_tools):
        return not shown.extras
    return not asked.extras


def is_usual_tier(tier: object) -> bool:
    """Whether a `service_tier`, None: none stated, is served at the usual price."""
    return not tier or (isinstance(tier, str) and tier.lower() in _USUAL_TIERS)


def _tier(name: str | None) -> str:
    """What is served at one price has one name."""
    return "" if name is None or is_usual_tier(name) else name.lower()


def _cites(choice: Any) -> bool:
    """Whether it names sources, as only who has searched for some does."""
    if not isinstance(choice, dict):
        return False
    message = choice.get("delta") or choice.get("message")
    return isinstance(message, dict) and bool(message.get("annotations"))


def _counts_more(usage: dict[str, Any]) -> bool:
    """Whether a `usage` counts something other than tokens of text."""
    return any(map(_is_some, _counted(usage)))


def _counted(usage: dict[str, Any]) -> Iterator[Any]:
    for group, name in _OTHER_TOKENS:
        yield detail(usage, group, name)
    for name in _COUNTS:
        said = usage.get(name)
        yield from said.values() if isinstance(said, dict) else (said,)


def _is_some(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and value > 0


def _is_charged(item: Any) -> bool:
    """Whether an item of a response is a call for which its upstream has a price."""
    kind = item.get("type") if isinstance(item, dict) else None
    if not isinstance(kind, str) or not kind.endswith("_call"):
        return False
    if kind == "shell_call":  # the client's own, or in a container of the upstream's
        where = item.get("environment")
        return isinstance(where, dict) and where.get("type") != "local"
    return kind not in _PLAIN_CALLS
