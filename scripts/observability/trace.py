"""One trace as a tree, and what is wrong with it."""

from collections.abc import Iterator

from scripts.observability.otlp import ReceivedSpan

_PARENTS = {"Router": "Gateway", "Embedder": "Router", "OpenRouterBackend": "Gateway"}
_SHOWN = ("avengers.model", "avengers.nearest_similarity", "gen_ai.request.model")
_TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")


def tree(spans: list[ReceivedSpan]) -> Iterator[str]:
    """A line for each span, its children under it."""
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if span.parent_id not in ids]
    for root in roots:
        yield from _branch(root, spans, "")


def _branch(
    span: ReceivedSpan, spans: list[ReceivedSpan], indent: str
) -> Iterator[str]:
    took_ms = (span.end_ns - span.start_ns) / 1e6
    kind = span.kind.removeprefix("SPAN_KIND_").lower()
    yield f"{indent}{span.name}  [{span.deployment}, {kind}] {took_ms:.1f} ms"
    for name in (*_SHOWN, *_TOKENS, "avengers.cost_usd"):
        if name in span.attributes:
            yield f"{indent}    {name} = {span.attributes[name]}"
    for child in spans:
        if child.parent_id == span.span_id:
            yield from _branch(child, spans, indent + "  ")


def problems(spans: list[ReceivedSpan], client_span: str) -> list[str]:
    """What is not as it should be; empty if all is well."""
    by_deployment = {span.deployment: span for span in spans}
    wanted = {"Gateway", *_PARENTS}
    if len(spans) != len(wanted) or set(by_deployment) != wanted:
        return [
            f"spans of {sorted(s.deployment for s in spans)}, not of {sorted(wanted)}"
        ]
    found = []
    if by_deployment["Gateway"].parent_id != client_span:
        found.append("the Gateway's span is not a child of the client's")
    for child, parent in _PARENTS.items():
        if by_deployment[child].parent_id != by_deployment[parent].span_id:
            found.append(f"the span of {child} is not a child of that of {parent}")
    answer = by_deployment["OpenRouterBackend"].attributes
    found += [
        f"the backend's span has no {name}"
        for name in ("gen_ai.request.model", "gen_ai.provider.name", *_TOKENS)
        if not answer.get(name)
    ]
    return found
