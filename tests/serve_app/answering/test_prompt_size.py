"""Which models are too small for a request."""

import pytest

from deployments.catalog import ModelSpec
from serve_app.answering import prompt_size as module
from serve_app.answering.prompt_size import PromptSize, prompt_size, size_problem

WORDS = "alpha beta gamma delta " * 200  # about 800 tokens, 4,600 bytes


def spec(**limits: int) -> ModelSpec:
    return ModelSpec(id="m", upstream_model="them/m", **limits)


def of(text: str, **body: object) -> PromptSize:
    return prompt_size({"messages": [{"role": "user", "content": text}], **body})


def test_a_prompt_within_the_byte_bound_is_never_tokenised(monkeypatch):
    monkeypatch.setattr(module, "count_tokens", None)

    assert size_problem(spec(context_window=5000), of(WORDS), 100) is None


def test_a_prompt_over_the_byte_bound_is_counted_with_a_margin():
    prompt = of(WORDS)

    assert 800 < prompt.tokens < 1100
    assert size_problem(spec(context_window=1200), prompt, None) is None


def test_a_window_too_small_for_prompt_and_answer_is_said():
    problem = size_problem(spec(context_window=1500), of(WORDS), 1000)

    assert problem is not None
    assert problem.startswith("its window is 1500 tokens; the prompt has about")
    assert problem.endswith("and 1000 of answer")


def test_a_model_that_cannot_answer_at_such_length_is_no_candidate():
    problem = size_problem(spec(max_output_tokens=512), of("x"), 1000)

    assert problem == "it answers in at most 512 tokens, 1000 are asked for"


def test_limits_that_are_not_known_exclude_nothing():
    assert size_problem(spec(), of(WORDS * 50), 10**6) is None


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"function": {"description": WORDS}}]},
        {"response_format": {"json_schema": {"description": WORDS}}},
    ],
)
def test_tools_and_schemas_count(body):
    assert of("x", **body).tokens > 800


def test_an_image_counts_as_one_and_its_bytes_do_not():
    url = {"url": "data:image/png;base64," + "A" * 10**6}
    parts = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": url}]

    size = prompt_size({"messages": [{"role": "user", "content": parts}]})

    assert 1600 < size.bound < 2000


def test_prompts_of_other_surfaces_count_as_well():
    assert prompt_size({"prompt": WORDS}).tokens > 800
    assert prompt_size({"input": WORDS}).tokens > 800
    assert prompt_size({"input": [{"role": "user", "content": WORDS}]}).tokens > 800
