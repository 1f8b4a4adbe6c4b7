from dataclasses import replace

import pytest

from scripts.loadtest.judging import Outcome, broken
from scripts.loadtest.settings import Settings, Thresholds

GOOD = Outcome(
    requests=100,
    failures=1,
    refused=5,
    answers_per_s=10.0,
    p95_first_token_ms=200.0,
    p95_pause_ms=50.0,
    p95_answer_ms=None,
)


def test_a_run_within_its_thresholds_keeps_all():
    assert broken(GOOD, Thresholds()) == []
    assert broken(GOOD, Thresholds(min_requests_per_s=10.0)) == []


@pytest.mark.parametrize(
    ("changed", "limits", "says"),
    [
        ({"failures": 2}, {}, "error rate is 0.02, allowed ≤ 0.01"),
        ({"refused": 6}, {}, "refused rate is 0.06, allowed ≤ 0.05"),
        ({"p95_first_token_ms": 1501.0}, {}, "p95 of the first token, ms is 1501"),
        ({"p95_pause_ms": 1001.0}, {}, "p95 of the longest pause, ms is 1001"),
        ({"p95_answer_ms": 10.0}, {"max_p95_answer_ms": 9.0}, "in one piece, ms is 10"),
        ({}, {"min_requests_per_s": 11.0}, "answers/s is 10, allowed ≥ 11"),
        (
            {"answers_per_s": None},
            {"min_requests_per_s": 1.0},
            "answers/s is not measured, allowed ≥ 1",
        ),
        ({}, {"max_p95_answer_ms": 9.0}, "in one piece, ms is not measured"),
        ({"requests": 0}, {}, "no request was made"),
        ({"unanswered": 1}, {}, "1 requests were still not answered at the end"),
        ({"exceptions": 3}, {}, "3 requests ended in an error of the load test"),
        ({"lost_workers": 2}, {}, "2 workers of the load test were lost"),
    ],
)
def test_what_is_not_kept_is_told(changed, limits, says):
    (line,) = broken(replace(GOOD, **changed), Thresholds(**limits))

    assert says in line


def test_a_threshold_that_is_not_asked_for_cannot_break():
    assert broken(replace(GOOD, failures=100), Thresholds(max_error_rate=None)) == []


def test_an_answer_that_never_comes_is_told_beside_what_else_is_wrong():
    lines = broken(replace(GOOD, failures=2, unanswered=1), Thresholds())

    assert lines == [
        "1 requests were still not answered at the end",
        "error rate is 0.02, allowed ≤ 0.01",
    ]


def test_settings_cross_to_the_processes_of_a_run(monkeypatch):
    settings = Settings(users=7, thresholds=Thresholds(max_error_rate=None))
    for name, value in settings.in_environment().items():
        monkeypatch.setenv(name, value)

    assert Settings.from_environment() == settings
