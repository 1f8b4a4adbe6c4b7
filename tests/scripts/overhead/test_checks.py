import pytest

from scripts.overhead.checks import Check, checks
from scripts.overhead.docs import write_docs
from scripts.overhead.plan import Plan
from scripts.overhead.report import Report
from scripts.overhead.rounds import Figures
from scripts.overhead.scenarios import PLACED
from scripts.overhead.summary import spread
from tests.scripts.overhead.made_reports import report, sample

CASES = ("plain c=1 0 ms", "plain c=16 0 ms", "plain c=64 0 ms")
STREAMS = ("stream c=16", "stream c=64")


def measured(**terms):
    return {case: [sample(**terms)] for case in (*CASES, *STREAMS)}


def verdicts(made):
    return {str(check).split()[0] for check in checks(made)}


def test_a_fast_gateway_passes_everything():
    made = report(
        direct=measured(p50=1.0),
        gateway=measured(rate=1000.0),
        LiteLLM=measured(rate=100.0),
    )

    assert verdicts(made) == {"pass"}


def test_a_slow_one_misses_everything():
    made = report(
        direct=measured(p50=1.0),
        gateway=measured(rate=300.0, cpu=9.0, p50=50.0),
        LiteLLM=measured(rate=100.0),
    )

    assert verdicts(made) == {"MISS"}


def test_what_cannot_be_compared_is_not_passed():
    made = report(direct=measured(p50=1.0), gateway=measured())
    beside = [check for check in checks(made) if "LiteLLM" in check.what]

    assert len(beside) == 4
    assert not any(check.passed or check.figure for check in beside)


def test_a_graph_that_did_not_start_has_passed_nothing():
    made = report(direct=measured(p50=1.0), gateway=measured(rate=1000.0))
    made.scenarios["base"][PLACED] = Figures(absent="no answer in 120 s")
    made.scenarios["cold"] = {PLACED: Figures(absent="no answer in 120 s")}

    of_it = [check for check in checks(made) if check.what.startswith(PLACED)]

    assert len(of_it) == 6 + 4
    assert not any(check.passed or check.figure for check in of_it)


@pytest.mark.parametrize(
    ("scenario", "few", "many", "verdict"),
    [
        ("replicas", {"rate": 100.0}, {"rate": 190.0}, "pass"),
        ("replicas", {"rate": 100.0}, {"rate": 90.0}, "MISS"),
        ("tenants", {"cpu": 3.0}, {"cpu": 3.1}, "pass"),
        ("tenants", {"cpu": 3.0}, {"cpu": 3.6}, "MISS"),
        ("limits", {"cpu": 3.0}, {"cpu": 3.6}, "MISS"),
        ("models", {"cpu": 3.6}, {"cpu": 3.0}, "pass"),
    ],
)
def test_many_of_something_are_held_against_few_of_it(scenario, few, many, verdict):
    figures = {
        name: Figures(samples=measured(**terms))
        for name, terms in (("few", few), ("many", many))
    }

    assert verdicts(Report(Plan(), "a machine", {scenario: figures})) == {verdict}


@pytest.mark.parametrize(("value", "passed"), [(1.0, True), (1.1, False)])
def test_a_bound_is_the_most_unless_it_says_otherwise(value, passed):
    assert Check("x", spread([value]), 1.0).passed is passed
    assert Check("x", spread([-value]), -1.0, at_least=True).passed is passed


def test_a_peer_s_lower_bound_does_not_flatter_us():
    made = report(direct=measured(), gateway=measured(), LiteLLM=measured())
    case = "stream c=64"
    made.scenarios["base"]["gateway"].samples[case] = [sample(rate=477.0, answers=9999)]
    # In 4 s 91 answers, and 64 that were under way.
    late = sample(rate=22.75, answers=155)
    made.scenarios["base"]["LiteLLM"].samples[case] = [late]

    said = [str(check) for check in checks(made) if case in check.what]

    assert said == [
        "pass   gateway: answers/s over the most that LiteLLM's can be, "
        "stream c=64: 12.31 (≥ 10)"
    ]


def test_what_rests_on_errors_is_not_passed():
    fast = measured(rate=1000.0, errors={"status 500": 1})
    made = report(direct=measured(p50=1.0), gateway=fast, LiteLLM=measured())

    assert verdicts(made) == {"MISS"}
    assert str(checks(made)[0]).startswith("MISS   CPU-ms per plain request, c = 16: 3")


def test_the_page_holds_figures_bounds_and_what_is_absent(tmp_path):
    made = report(direct=measured(p50=1.0), gateway=measured(cpu=3.25))
    made.scenarios["base"]["gateway"].absent = None
    write_docs(made, checks(made), tmp_path)
    page = (tmp_path / "overhead.md").read_text(encoding="utf-8")

    assert "| gateway | 3.25 | 3.25 | 1.00 |" in page
    assert "absent gateway: answers/s over LiteLLM's" in page
    assert (tmp_path / "overhead.png").stat().st_size > 1000
