"""What a request costs, and what its prompt cache is worth: by numbers made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import KMeans
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy, RoutingDecision
from artifacts.request_terms import expected_cost_usd, keep_home
from tests.artifacts.evaluation.split_data import two_topics
from tests.artifacts.test_fit import SPEC

CODE = np.array([1, 0], np.float32)
PRICE = (0.001, 0.01)  # USD per token in, out
NAN = np.nan


@pytest.fixture(scope="module")
def artifact() -> RoutingArtifact:
    """Four clusters, of which a query rests on two."""
    policy = PaperPolicy(n_nearest_clusters=2)
    config = FitConfig(KMeans(n_clusters=4), policy, 1.0)
    return fit_artifact(*two_topics(), SPEC, config).artifact


def with_table(
    artifact: RoutingArtifact, name: str, near: object, far: object
) -> RoutingArtifact:
    """`near` (2, 3) for the clusters nearest to `CODE`, `far` (2, 3) for the others."""
    nearest = artifact.neighbours(CODE[None, :]).clusters[0]
    others = np.setdiff1d(np.arange(4), nearest)
    table = np.empty((4, 3))
    table[nearest], table[others] = near, far
    return replace(artifact, profiles=replace(artifact.profiles, **{name: table}))


def costs(artifact: RoutingArtifact, n_answers: int = 1) -> list[float | None]:
    prices = dict.fromkeys(artifact.models, PRICE)
    found = expected_cost_usd(artifact, CODE, 1000, prices, n_answers)
    return [found[model] for model in artifact.models]


def test_an_answer_is_as_long_as_in_the_nearest_clusters(artifact):
    near = [[100, 100, 30], [200, NAN, 40]]
    made = with_table(artifact, "completion_tokens", near, [[900] * 3] * 2)

    # 1000 · 0.001 + n · (150, 100 or 35) · 0.01
    assert costs(made) == pytest.approx([2.5, 2.0, 1.35])
    assert costs(made, n_answers=3) == pytest.approx([5.5, 4.0, 2.05])


def test_where_the_nearest_hold_no_answer_it_is_as_long_as_in_the_others(artifact):
    near = [[100, NAN, NAN], [200, NAN, NAN]]
    far = [[900, 40, NAN], [900, 80, NAN]]
    made = with_table(artifact, "completion_tokens", near, far)

    assert costs(made) == pytest.approx([2.5, 1.6, None])


def test_a_cost_is_unknown_without_a_price_and_for_models_not_in_the_artifact(artifact):
    made = with_table(artifact, "completion_tokens", [[100] * 3] * 2, [[900] * 3] * 2)
    first, second, third = artifact.models
    prices = {first: (None, 0.01), second: (0.001, None), third: PRICE, "else": PRICE}

    found = expected_cost_usd(made, CODE, 1000, prices)

    assert found == {first: None, second: None, third: 2.0, "else": None}


def decided(artifact: RoutingArtifact) -> RoutingDecision:
    """At α = 0.5, with scores of 2.0, 1.5 and 0.25."""
    decision = artifact.choose(CODE, 0.5)
    return replace(decision, scores=(2.0, 1.5, 0.25))


@pytest.fixture(scope="module")
def priced(artifact) -> RoutingArtifact:
    """A USD is worth 0.5 · (1 / 0.25 + 1 / 0.125) = 6 in scores."""
    near = [[0.5, 0.5, 0.25], [0.25, 0.375, 0.25]]
    return with_table(artifact, "cost_usd", near, [[9.0, 1.0, 1.0]] * 2)


@pytest.mark.parametrize(
    ("place", "saved_usd", "noted"),
    [
        (1, 0.125, (0.5, 0.75, True)),
        (1, 0.0625, (0.5, 0.375, False)),
        (2, 0.25, (1.75, 1.5, False)),
        (2, 0.5, (1.75, 3.0, True)),
        (0, 0.0, (0.0, 0.0, True)),  # as good as it gets: no gain is no reason to move
    ],
)
def test_a_conversation_moves_for_more_than_its_cache_is_worth(
    priced, place, saved_usd, noted
):
    before = decided(priced)
    home = before.ranking[place]

    after = keep_home(priced, before, home, saved_usd)

    staying = after.staying
    assert staying is not None
    assert (staying.home, staying.saved_usd) == (home, saved_usd)
    assert (staying.gain, staying.loss, staying.stays) == noted
    assert after.model == (home if staying.stays else before.model)


def test_a_gain_of_just_what_the_cache_is_worth_is_no_reason_to_move(priced):
    before = replace(decided(priced), scores=(2.0, 1.25, 0.25))

    after = keep_home(priced, before, before.ranking[1], 0.125)

    assert after.staying is not None
    assert after.staying.gain == after.staying.loss == 0.75
    assert after.model == before.ranking[1]


def test_who_stays_takes_his_numbers_along(priced):
    before = decided(priced)

    after = keep_home(priced, before, before.ranking[2], 1.0)

    order = [2, 0, 1]
    for name in ("ranking", "scores", "expected_accuracy", "expected_cost_usd"):
        old = getattr(before, name)
        assert getattr(after, name) == tuple(old[place] for place in order)


def test_a_home_that_may_not_be_chosen_changes_nothing(priced):
    before = decided(priced)

    assert keep_home(priced, before, "else", 1.0) is before


def test_what_is_said_of_each_model_moves_with_it(artifact):
    said = {"imputed": (True, False, False), "accuracy_sd": (0.1, 0.2, 0.3)}
    decision = replace(artifact.choose(CODE, 0.4), **said)
    *others, home = decision.ranking

    kept = keep_home(artifact, decision, home, 1e6)

    assert kept.ranking == (home, *others)
    assert (kept.imputed, kept.accuracy_sd) == ((False, True, False), (0.3, 0.1, 0.2))
