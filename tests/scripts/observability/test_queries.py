"""Metrics are found in expressions, misspelt ones too."""

import pytest

from scripts.observability.queries import selectors, unfiltered

MATCHERS = '{m="}",x=~"y|z"}'


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("up", {"up": ""}),
        (f"sum by (le) (rate(a_bucket{MATCHERS}[5m]))", {"a_bucket": MATCHERS}),
        ("max by (t) (a) / max by (t) (b) < 0.1", {"a": "", "b": ""}),
        ("a offset 15m unless b or vector(0)", {"a": "", "b": ""}),
        ("avengers:ratio:rate5m > 0.01", {"avengers:ratio:rate5m": ""}),
        ("a / on () group_left () sum(b)", {"a": "", "b": ""}),
        ("histogram_quantile(0.95, c) * 3600 - clamp_min(d, 0)", {"c": "", "d": ""}),
        ("sum(a) by (le)", {"a": ""}),
        (f'count by (i) ({{__name__=~"a.+",b="c"}} or d{MATCHERS})', {"d": MATCHERS}),
    ],
)
def test_metrics_of_an_expression(expression, found):
    assert selectors(expression) == set(found.items())


@pytest.mark.parametrize(
    ("expression", "judged"),
    [
        ("a > 0.1 and b >= 10", "a > bool 0.1 and b >= bool 10"),
        (f"sum(a{MATCHERS}) == 2", f"sum(a{MATCHERS}) == bool 2"),
        ('a{m!="none",n=~">"} < bool 1', 'a{m!="none",n=~">"} < bool 1'),
        ("a - a offset 15m", "a - a"),
    ],
)
def test_an_expression_without_its_thresholds_says_0_or_1(expression, judged):
    assert unfiltered(expression) == judged
