"""What upstreams mean by the codes and words of their errors. Few have the same.

A code decides before words do: it is nothing that a client has written. Where a
meaning counts against the model, its words must begin the message: what a message
quotes comes later, and no client shuts a model to others by what he sends.
"""

import re
from dataclasses import dataclass
from enum import Enum

from deployments.backends.upstream_said import Said


class Meaning(Enum):
    """What an error is about."""

    LARGER_THAN_RATE = "the request alone is more than the tokens of a minute"
    TOO_LONG = "prompt and answer do not fit the context window"
    FLAGGED = "the prompt is against a policy"
    UNSUPPORTED = "this model does not take what is in the request"
    MODEL_FAILED = "what the model wrote was none of the calls or forms it was to write"
    NO_MODEL = "the operator's: no such model, or not for this account"
    NO_CREDITS = "the operator's: what was paid for is used up"
    BAD_KEY = "the operator's: the key is none"
    SHUT_OUT = "the operator's: account or place are not served"


@dataclass(frozen=True, slots=True)
class Wording:
    """How a meaning is told: names in lower case, or what is found in a message."""

    meaning: Meaning
    names: frozenset[str]
    words: re.Pattern[str]


def meaning_of(said: Said) -> tuple[Meaning | None, str | None]:
    """What is meant, and by which name if by one; None: no more than the status."""
    for wording in WORDINGS:
        if named := wording.names & said.names:
            return wording.meaning, min(named)
    for wording in WORDINGS:
        if any(map(wording.words.search, said.messages)):
            return wording.meaning, None
    return None, None


# Before the upstream's own words: what LiteLLM's proxy, and relays, put there.
_RELAYED = (
    r"\A(?:400: \{'error': ['\"])?(?:/[\w/]+: )?(?:litellm\.\w+: )*(?:\w+ - )?"
    r"(?:b?['\"]?\{[^{}]{0,80}(?:\{[^{}]{0,200})?\"message\"\s*:\s*\")?"
)


def _says(meaning: Meaning, names: str, *words: str) -> Wording:
    found = re.compile("|".join(words), re.IGNORECASE)
    return Wording(meaning, frozenset(names.split()), found)


def _begins(meaning: Meaning, names: str, *words: str) -> Wording:
    return _says(meaning, names, f"{_RELAYED}(?:{'|'.join(words)})")


WORDINGS = (
    # Groq (413) and OpenAI (429).
    _says(
        Meaning.LARGER_THAN_RATE,
        "",
        r"\ARequest too large for .{1,200} on (?:input |output )?tokens per",
    ),
    _says(
        Meaning.TOO_LONG,
        # OpenAI, Groq, Cerebras; llama.cpp; GitHub Models.
        "context_length_exceeded exceed_context_size_error tokens_limit_reached",
        # OpenAI, OpenRouter, vLLM, SGLang, Mistral, Anthropic, MiniMax, llama.cpp.
        r"context[ _](?:length|window|limit|size)",
        r"ContextWindowExceeded",  # LiteLLM
        r"(?:prompt|input|messages) (?:is|are) too long",  # Anthropic, Bedrock
        r"longer than the (?:model's|maximum model)",  # vLLM, SGLang
        r"maximum (?:model|prompt) length",  # vLLM, xAI
        r"maximum number of tokens allowed",  # Gemini
        r"(?:prompt|input) token count\b.{0,40} exceeds",  # Gemini, GitHub Copilot
        r"\bPrompt contains \d+ tokens",  # Mistral
        r"too many tokens: ",  # Cohere
        r"`inputs` (?:tokens \+ `max_new_tokens` must be|must have less)",  # TGI
        r"exceeded model token limit|model max length exceeded",  # Moonshot
        r"range of input length should be",  # Qwen
    ),
    _says(
        Meaning.FLAGGED,
        # Azure, OpenAI, Qwen, Gemini.
        "content_filter content_policy_violation responsibleaipolicyviolation "
        "invalid_prompt image_content_policy_violation bio_policy "
        "misalignment_policy_violation data_inspection_failed datainspectionfailed "
        "prohibited_content",
        r"content management policy",  # Azure
        r"flagged as potentially violating",  # OpenAI
        r"content violates usage guidelines",  # xAI
        r"DataInspectionFailed|may contain inappropriate content",  # Qwen
        r"PROHIBITED_CONTENT",  # Gemini
        r"ContentPolicyViolationError",  # LiteLLM
    ),
    # OpenAI's, of a temperature that its reasoning models do not take, and the like;
    # Mistral's, of a field that it does not know.
    _says(
        Meaning.UNSUPPORTED,
        "unsupported_parameter unsupported_value extra_forbidden",
        # OpenRouter's, of a tool, an image, a parameter; of the model it says "for".
        r"no endpoints found that ",
        r"not supported (?:with|by|for|in) this model|this model does not support",
        r"is not a multimodal model",  # vLLM
    ),
    _begins(  # Groq
        Meaning.MODEL_FAILED,
        "tool_use_failed json_validate_failed output_parse_failed",
        "Failed to call a function",
        "Failed to generate JSON",
        "tool call validation failed",
    ),
    _begins(
        Meaning.NO_MODEL,
        # OpenAI, Groq, Together, Mistral, Azure.
        "model_not_found model_decommissioned model_not_available model_not_supported "
        "model_terms_required invalid_model deploymentnotfound",
        r"\S{1,200} is not a valid model ID",  # OpenRouter
        r"Model Not Exist",  # DeepSeek
        r"Invalid model(?:: | ID| name passed in| ['\"`]|\Z)",  # Mistral, LiteLLM
        r"Unable to access (?:non-serverless )?model ",  # Together
        r"The provided model identifier is invalid",  # Bedrock
        r"Invocation of model ID \S+ with on-demand throughput",  # Bedrock
        r"The (?:requested )?model \S{1,200} does not exist",  # OpenAI
        r"The model \S{1,200} has been decommissioned",  # Groq
    ),
    _begins(
        Meaning.NO_CREDITS,
        # OpenAI, Moonshot, Qwen, LiteLLM.
        "insufficient_quota billing_hard_limit_reached billing_not_active "
        "exceeded_current_quota_error arrearage budget_exceeded",
        r"Your credit balance is too low",  # Anthropic
        r"You have reached your specified (?:workspace )?API usage limits",  # Anthropic
        r"Insufficient balance",  # DeepSeek
        r"Billing hard limit has been reached",  # OpenAI
    ),
    _begins(
        Meaning.BAD_KEY,
        "invalid_api_key api_key_invalid",  # OpenAI, Gemini
        r"API[ _]key (?:not valid|not found|expired)",  # Gemini
        r"(?:Incorrect|Invalid)(?: |%20)API(?: |%20)key",  # xAI, OpenAI
    ),
    _begins(
        Meaning.SHUT_OUT,
        "unsupported_country_region_territory",  # OpenAI
        r"User location is not supported",  # Gemini
        r"This organization has been disabled",  # Anthropic
    ),
)
