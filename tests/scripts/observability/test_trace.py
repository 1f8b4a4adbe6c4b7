"""A trace that is not whole, or wrongly tied together, is noticed."""

from dataclasses import replace

import pytest

from scripts.observability.otlp import ReceivedSpan
from scripts.observability.trace import problems, tree

ANSWER = {
    "gen_ai.request.model": "them/small",
    "gen_ai.provider.name": "Test",
    "gen_ai.usage.input_tokens": 5,
    "gen_ai.usage.output_tokens": 7,
}


def span(deployment: str, own: str, parent: str, **attributes) -> ReceivedSpan:
    return ReceivedSpan(
        trace_id="t",
        span_id=own,
        parent_id=parent,
        name=f"of {deployment}",
        kind="SPAN_KIND_INTERNAL",
        deployment=deployment,
        start_ns=0,
        end_ns=2_000_000,
        attributes=attributes,
    )


WHOLE = [
    span("Gateway", "g", "client"),
    span("Router", "r", "g"),
    span("Embedder", "e", "r"),
    span("OpenRouterBackend", "b", "g", **ANSWER),
]


def test_a_whole_trace_is_well():
    assert problems(WHOLE, "client") == []


@pytest.mark.parametrize(
    ("place", "changes", "said"),
    [
        (0, {"parent_id": "other"}, "not a child of the client's"),
        (2, {"parent_id": "g"}, "Embedder is not a child of that of Router"),
        (3, {"attributes": {}}, "has no gen_ai.request.model"),
        (1, {"deployment": "Gateway"}, "spans of"),
    ],
)
def test_what_is_wrong_with_it(place, changes, said):
    spans = list(WHOLE)
    spans[place] = replace(spans[place], **changes)

    assert said in problems(spans, "client")[0]


def test_children_stand_under_their_parents():
    lines = [line for line in tree(WHOLE) if "of " in line]

    assert lines[0] == "of Gateway  [Gateway, internal] 2.0 ms"
    assert lines[2].startswith("    of Embedder")
