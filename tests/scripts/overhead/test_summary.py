import math
from dataclasses import replace

from scripts.overhead.printing import said_of
from scripts.overhead.report import Report
from scripts.overhead.summary import Spread, over
from scripts.overhead.table import shown
from tests.scripts.overhead.made_reports import report, sample

CASE = "plain c=1 0 ms"


def test_added_is_beyond_the_same_round_without_a_gateway():
    made = report(
        direct={CASE: [sample(p50=1.0), sample(p50=3.0)]},
        gateway={CASE: [sample(p50=8.0), sample(p50=9.0)]},
    )

    added = made.summary("base").added("gateway", CASE, lambda each: each.p50_ms)

    assert added == Spread(6.5, 6.0, 7.0)


def test_a_round_that_was_missed_is_compared_with_none():
    made = report(
        direct={CASE: [sample(p50=1.0), sample(p50=5.0), sample(p50=2.0)]},
        gateway={CASE: [sample(p50=8.0)]},
    )
    gateway = made.scenarios["base"]["gateway"]
    gateway.fail(1, "no answer in 120 s")
    gateway.samples[CASE].append(sample(p50=9.0))

    added = made.summary("base").added("gateway", CASE, lambda each: each.p50_ms)

    assert added == Spread(7.0, 7.0, 7.0)
    assert gateway.absent is None
    assert next(said_of(made.summary("base"), "gateway")) == (
        "gateway did not start in 1 of the rounds: it lacks them"
    )


def test_errors_and_foreign_load_are_marked():
    bad = [sample(), sample(errors={"status 500": 2}, foreign=0.5)]
    made = report(gateway={CASE: bad})

    figure = made.summary("base").of("gateway", CASE, lambda each: each.rate)

    assert shown(figure) == "100!~"
    assert made.summary("base").errors("gateway") == {"status 500": 2}
    assert made.disturbed == (1, 2)


def test_what_other_machines_were_given_disturbs_too():
    stolen = replace(sample(foreign=0.06), stolen=0.06)
    made = report(gateway={CASE: [sample(foreign=0.06), stolen]})

    assert made.disturbed == (1, 2)
    figure = made.summary("base").of("gateway", CASE, lambda each: each.rate)
    assert shown(figure) == "100~"


def test_what_nobody_was_answered_for_cost_nothing_that_is_known():
    nothing = sample(answers=0, cpu=math.nan, errors={"status 500": 9})
    made = report(gateway={CASE: [nothing, sample(cpu=3.0)]}, other={CASE: [nothing]})
    summary = made.summary("base")

    assert shown(summary.of("gateway", CASE, lambda each: each.cpu_total_ms)) == "3.00!"
    assert shown(summary.of("other", CASE, lambda each: each.cpu_total_ms)) == "–"
    assert summary.parts("gateway", CASE)["Gateway"] == 2.0


def test_slow_answers_make_a_rate_a_lower_bound():
    few = sample(answers=10)
    made = report(gateway={"stream c=2": [few, few], "stream c=3": [few]})

    assert made.summary("base").slow_cases("gateway") == ["stream c=3"]


def test_ray_s_own_share_is_told():
    assert sample(cpu=3.0).cpu_total_ms == 3.0
    assert sample(cpu=3.0).cpu_ray_ms == 1.0


def test_what_was_not_measured_is_a_dash():
    assert shown(report().summary("base").of("gateway", CASE, id)) == "–"


def test_a_report_comes_back_from_its_file(tmp_path):
    made = report(direct={CASE: [sample()]}, gateway={CASE: [sample()]})

    made.write(tmp_path / "report.json")

    assert Report.read(tmp_path / "report.json") == made


def test_a_ratio_has_the_range_and_the_marks_of_both():
    assert over(Spread(6, 4, 8, "~"), Spread(2, 1, 4, "!")) == Spread(3, 1, 8, "!~")
    assert over(Spread(6, 4, 8), None) is None
