"""Which models are too small for a request."""

import base64
import random
import sys
from typing import Any

import pytest

from deployments.catalog import ModelSpec
from serve_app.access import request_size
from serve_app.access.request_size import PromptSize
from serve_app.answering.prompt_size import prompt_size, size_problem, texts_in
from serve_app.answering.unsuitable import TOO_LONG

BASE64 = base64.b64encode(random.Random(1).randbytes(30_000)).decode()
WORDS = "alpha beta gamma delta " * 200  # about 800 tokens, 4,600 bytes


def spec(**limits: int) -> ModelSpec:
    return ModelSpec(id="m", upstream_model="them/m", **limits)


def of(text: str, **body: object) -> PromptSize:
    return prompt_size({"messages": [{"role": "user", "content": text}], **body})


def test_a_prompt_within_the_byte_bound_is_never_tokenised(monkeypatch):
    monkeypatch.setattr(request_size, "count_tokens", None)

    assert size_problem(spec(context_window=5000), of(WORDS), 100) is None


def test_a_prompt_over_the_byte_bound_is_counted_with_a_margin():
    prompt = of(WORDS)

    assert 800 < prompt.tokens < 1100
    assert size_problem(spec(context_window=1200), prompt, None) is None


def test_a_window_too_small_for_prompt_and_answer_is_said():
    problem = size_problem(spec(context_window=1500), of(WORDS), 1000)

    assert problem is not None
    assert problem.startswith(f"{TOO_LONG} 1500 tokens; the prompt has about")
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


def test_a_screenshot_of_a_computer_is_an_image():
    screen = {"type": "computer_screenshot", "image_url": BASE64}
    item = {"type": "computer_call_output", "call_id": "c", "output": screen}

    assert 1600 < prompt_size({"input": [item]}, "responses").bound < 2000


@pytest.mark.parametrize(
    ("surface", "item"),
    [
        ("chat/completions", {"content": [{"video_url": {"url": BASE64}}]}),
        ("chat/completions", {"content": [{"audio_url": {"url": BASE64}}]}),
        ("responses", {"type": "image_generation_call", "result": BASE64}),
        ("responses", {"content": [{"type": "input_file", "file_data": BASE64}]}),
        ("chat/completions", {"content": [{"file": {"file_data": BASE64}}]}),
        ("chat/completions", {"content": [{"input_audio": {"data": BASE64}}]}),
    ],
)
def test_a_payload_is_no_text(surface, item):
    field = "input" if surface == "responses" else "messages"

    assert prompt_size({field: [item]}, surface).bound < 100


@pytest.mark.parametrize(
    ("surface", "item"),
    [
        ("responses", {"type": "reasoning", "encrypted_content": BASE64}),
        ("chat/completions", {"reasoning_details": [{"data": BASE64}]}),
        ("chat/completions", {"reasoning_details": [{"signature": BASE64}]}),
    ],
)
def test_sealed_thoughts_are_as_long_as_the_text_that_they_hold(surface, item):
    field = "input" if surface == "responses" else "messages"
    n_letters = len(BASE64)

    assert 0.15 * n_letters < prompt_size({field: [item]}, surface).tokens
    assert prompt_size({field: [item]}, surface).bound < 0.26 * n_letters


@pytest.mark.parametrize("name", ["data", "signature", "encrypted_content"])
def test_what_is_named_like_a_sealed_thought_may_be_an_object(name):
    part = {"type": "unknown", name: {"text": WORDS}}

    assert prompt_size({"messages": [{"content": [part]}]}).tokens > 800


def test_an_image_that_a_tool_returns_counts_as_one():
    output = [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]
    item = {"type": "function_call_output", "call_id": "c", "output": output}

    assert 1600 < prompt_size({"input": [item]}, "responses").bound < 2000


def test_texts_that_lie_deep_take_no_more_steps_than_others():
    deep: Any = ["a"] * 1000
    for _ in range(200):
        deep = [{"x": deep}]
    steps = 0

    def step(*_: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(step)
    try:
        found = list(texts_in(deep))
    finally:
        sys.setprofile(None)

    assert found == ["a"] * 1000
    assert steps < 50_000, "of a body on the event loop: it stands still meanwhile"


def test_texts_are_read_in_their_order():
    message = {"content": [{"text": "a"}, {"data": "bbbb", "file": "no"}], "name": "c"}

    assert list(texts_in([message, "d"])) == ["a", "b", "c", "d"]


def test_prompts_of_other_surfaces_count_as_well():
    said = [{"role": "user", "content": WORDS}]

    assert prompt_size({"prompt": WORDS}, "completions").tokens > 800
    assert prompt_size({"input": WORDS}, "responses").tokens > 800
    assert prompt_size({"input": said}, "responses").tokens > 800


@pytest.mark.parametrize(
    ("surface", "name"), [("completions", "prompt"), ("responses", "input")]
)
def test_a_field_of_another_path_does_not_hide_the_prompt(surface, name):
    body = {name: WORDS, "messages": [{"role": "user", "content": "hi"}]}

    assert prompt_size(body, surface).tokens > 800


@pytest.mark.parametrize(
    ("prompt", "tokens", "longest", "n"),
    [
        ([1] * 1000, 1000, 1000, 1),
        ([[1] * 1000, [1] * 200], 1200, 1000, 2),
        ([[1] * 1000] * 100, 100_000, 1000, 100),
        ("hi", 9, 9, 1),
        (["hi", "h"], 18, 9, 2),
        (["hi"], 9, 9, 1),
    ],
)
def test_all_prompts_are_paid_for_and_the_longest_has_to_fit(
    prompt, tokens, longest, n
):
    size = prompt_size({"prompt": prompt}, "completions")

    assert (size.tokens, size.n_prompts) == (tokens, n)
    assert size.fits(longest)
    assert not size.fits(longest - 1)


def test_the_length_that_is_told_is_that_of_the_longest_prompt():
    prompts = prompt_size({"prompt": [[1] * 1000, [1] * 200]}, "completions")

    said = size_problem(spec(context_window=900), prompts, None)
    assert said == f"{TOO_LONG} 900 tokens; the prompt has about 1000"


def test_what_is_read_with_each_prompt_is_paid_for_as_often():
    one = prompt_size({"prompt": "hi", "suffix": WORDS}, "completions").tokens
    ten = prompt_size({"prompt": ["hi"] * 10, "suffix": WORDS}, "completions").tokens

    assert one > 800
    assert ten == pytest.approx(10 * one, rel=0.01)


@pytest.mark.parametrize("name", ["documents", "chat_template", "chat_template_kwargs"])
def test_what_is_rendered_into_a_prompt_is_of_the_prompt(name):
    rendered = of("x", **{name: [{"text": WORDS}]})

    assert rendered.tokens > 800
