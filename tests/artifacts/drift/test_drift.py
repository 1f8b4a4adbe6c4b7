"""What is said of traffic, and how sure it must be."""

from dataclasses import fields, replace

import numpy as np
import pytest

from artifacts.drift.finding import DECISIVE, Finding, Limits, overall, verdict_of
from artifacts.drift.report import Observed, drift
from artifacts.drift.traffic import Traffic, Tries
from tests.artifacts.drift.made_traffic import SHARES, artifact, requests

MADE = artifact()
MOVED = np.array([0.1, 0.2, 0.2, 0.5])


def verdicts(traffic: Traffic, tries=None, **options) -> dict:
    """What is said of the whole, and by signal (and model) of the parts."""
    observed = Observed(traffic, tries or {}, Tries(len(traffic), 0))
    report = drift(MADE, observed, **options)
    parts = {(each.signal, each.model): each.verdict for each in report.findings}
    return {"whole": report.verdict, **parts}


@pytest.mark.parametrize(
    ("departure", "noise", "verdict"),
    [
        (0.05, 0.02, "ok"),
        (0.15, 0.02, "watch"),
        (0.25, 0.02, "refit"),
        (0.30, 0.02, "refit"),
        (0.30, 0.31, "few"),  # chance may have made it
        (0.0, 0.09, "ok"),
        (0.0, 0.11, "few"),  # and chance may hide it
    ],
)
def test_nothing_is_said_that_chance_may_have_made(departure, noise, verdict):
    assert verdict_of(departure, noise, Limits(0.1, 0.25)) == verdict


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        (("ok", "ok", "unknown"), "ok"),
        (("ok", "few", "ok"), "few"),
        (("unknown", "unknown", "unknown"), "few"),
        (("few", "watch", "ok"), "watch"),
        (("refit", "watch", "few"), "refit"),
    ],
)
def test_all_is_in_order_only_where_nothing_decisive_is_left_open(said, whole):
    findings = [
        Finding(signal, None, 9, 0.0, 0.0, Limits(1, None), verdict, "")
        for signal, verdict in zip(DECISIVE, said, strict=True)
    ]

    assert overall(findings) == whole


def test_traffic_like_the_training_queries_is_ok():
    found = verdicts(requests(MADE, 3000))

    assert found["whole"] == "ok"
    assert found[("clusters", None)] == "ok"
    assert found[("out_of_distribution", None)] == "ok"
    assert found[("similarity", None)] == "ok"
    assert found[("cost", MADE.models[1])] == "ok"


def test_false_alarms_are_as_rare_as_was_asked_for():
    level, runs = 0.1, 200
    alarms = sum(
        verdicts(requests(MADE, 2000, seed), level=level)["whole"] in ("watch", "refit")
        for seed in range(runs)
    )

    # At most 20 are expected; beyond 34 lie 3 standard deviations more.
    assert alarms <= 34


def test_the_bound_on_chance_is_not_loose_for_the_clusters():
    """Without the limits, as often as the level says: neither never nor oftener."""
    level, beyond = 0.3, 0
    for seed in range(200):
        observed = Observed(requests(MADE, 500, seed), {}, Tries(500, 0))
        clusters = drift(MADE, observed, level=level, seed=seed).findings[0]
        beyond += clusters.departure > clusters.noise

    assert 1 <= beyond <= 22  # 10 expected: a sixth of the level is the clusters'


def test_other_shares_of_the_clusters_call_for_a_refit():
    found = verdicts(requests(MADE, 1000, shares=MOVED))

    assert found["whole"] == found[("clusters", None)] == "refit"


def test_a_small_move_is_watched():
    moved = np.array([0.26, 0.3, 0.22, 0.22])

    assert verdicts(requests(MADE, 5000, shares=moved))["whole"] == "watch"


@pytest.mark.parametrize("n", [1, 5, 20, 60])
def test_of_few_requests_nothing_is_said(n):
    assert verdicts(requests(MADE, n))["whole"] == "few"
    assert verdicts(requests(MADE, 0))["whole"] == "few"


def test_requests_far_from_all_clusters_call_for_a_refit():
    usual = requests(MADE, 1000)
    far = replace(
        usual,
        similarity=usual.similarity - 0.2,
        strange=usual.similarity - 0.2 < 0.404,
    )
    found = verdicts(far)

    assert found[("out_of_distribution", None)] == "refit"
    assert found[("similarity", None)] == "refit"
    assert found[("clusters", None)] == "ok"


def test_a_model_that_grew_dearer_than_the_others_is_named():
    found = verdicts(requests(MADE, 3000, dearer={1: 4.0}))

    assert found[("cost", MADE.models[1])] == "refit"
    assert found[("completion_tokens", MADE.models[1])] == "ok"


def test_beside_few_answers_of_others_nothing_is_said_of_a_model():
    usual = requests(MADE, 3000, dearer={1: 4.0})
    others = np.flatnonzero(usual.model != 1)[:10]
    rows = np.sort(np.r_[np.flatnonzero(usual.model == 1), others])
    few = Traffic(**{f.name: getattr(usual, f.name)[rows] for f in fields(Traffic)})

    assert verdicts(few)[("cost", MADE.models[1])] == "few"


def test_the_costs_of_a_free_model_have_no_ratio():
    usual = requests(MADE, 3000)
    column = int(usual.model.max())
    cost_usd = np.where(usual.model == column, 0.0, usual.cost_usd)
    found = drift(MADE, Observed(replace(usual, cost_usd=cost_usd), {}, Tries(3000, 0)))

    of_it = ("cost", MADE.models[column])
    (free,) = (f for f in found.findings if (f.signal, f.model) == of_it)
    assert (free.verdict, free.n) == ("unknown", (usual.model == column).sum())
    assert "fewer than" not in free.why


def test_what_the_artifact_knows_from_few_records_is_held_against_it_less_surely():
    observed = Observed(requests(MADE, 3000), {}, Tries(3000, 0))
    few = np.minimum(MADE.profiles.count, 5)
    noise = []
    for made in (MADE, replace(MADE, profiles=replace(MADE.profiles, count=few))):
        findings = drift(made, observed).findings
        of_one = ("cost", MADE.models[1])
        (found,) = (f for f in findings if (f.signal, f.model) == of_one)
        noise.append(found.noise)

    assert noise[1] > 2 * noise[0]


def test_as_many_strange_requests_as_at_the_fit_are_no_news():
    usual = requests(MADE, 10_000)
    strange = replace(usual, strange=np.arange(10_000) % 40 == 0)  # 2.5 %, of it 1 %

    assert verdicts(strange)[("out_of_distribution", None)] == "ok"


def test_dearer_everywhere_is_watched_only():
    found = verdicts(requests(MADE, 3000, dearer={0: 4.0, 1: 4.0, 2: 4.0}))

    assert found["whole"] == found[("cost", None)] == "watch"
    assert found[("cost", MADE.models[1])] == "ok"


def test_answers_of_models_that_the_artifact_lacks_are_no_part_of_it():
    usual = requests(MADE, 3000)
    others = np.arange(3000) % 3 == 0
    mixed = replace(
        usual,
        model=np.where(others, -1, usual.model),
        cost_usd=np.where(others, 100 * usual.cost_usd, usual.cost_usd),
    )

    assert verdicts(mixed)[("cost", None)] == "ok"


@pytest.mark.parametrize(
    ("failed", "n", "verdict"),
    [
        (0, 10, "few"),
        (2, 1000, "ok"),
        (40, 1000, "ok"),  # some fail anyway
        (90, 1000, "watch"),
        (900, 1000, "watch"),
    ],
)
def test_failures_are_watched_and_call_for_no_refit(failed, n, verdict):
    found = verdicts(requests(MADE, 3000), {"m": Tries(n, failed)})

    assert found[("failures", "m")] == verdict


def test_what_the_records_do_not_tell_is_not_known():
    usual = requests(MADE, 3000)
    old = replace(usual, similarity=np.full(3000, np.nan))

    assert verdicts(old)[("similarity", None)] == "unknown"
    assert verdicts(old)["whole"] == "ok"


def test_the_same_requests_get_the_same_words():
    observed = Observed(requests(MADE, 300, shares=SHARES), {}, Tries(300, 3))

    assert drift(MADE, observed) == drift(MADE, observed)
