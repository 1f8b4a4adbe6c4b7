"""Who decides what is traced."""

import pytest

from tests.kept_spans import KeptSpans


def traced(trace_id: str, flags: str, **config: object) -> int:
    """Of 400 requests whose clients name this trace."""
    tracer = KeptSpans(sampling=0.25, **config).tracer(root=True)
    parent = f"00-{trace_id}-b7ad6b7169203331-{flags}"
    return sum(
        span is not None
        for span in (tracer.start("chat", parent=parent) for _ in range(400))
    )


@pytest.mark.parametrize("flags", ["00", "01"])
@pytest.mark.parametrize("trace_id", ["f" * 16 + "0" * 16, "f" * 32])
def test_a_client_s_trace_is_no_more_likely_to_be_exported(trace_id, flags):
    assert 40 < traced(trace_id, flags) < 160  # of 100; the odds are below 1e-10


def test_where_clients_are_followed_theirs_is_the_decision():
    assert traced("f" * 32, "01", follow_client=True) == 400
    assert traced("f" * 32, "00", follow_client=True) == 0
