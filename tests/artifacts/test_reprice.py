"""New prices without new evaluation."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.errors import BadInput
from artifacts.policy import PaperPolicy
from artifacts.record_line import TokenPrice
from artifacts.reprice import reprice
from tests.artifacts.test_extend import DATASET, MODELS, VECTORS, fitted

# As the records of test_extend were priced: two completion tokens' worth for each.
OLD = {
    model: TokenPrice(price, 2 * price)
    for model, price in zip(MODELS, [1e-6, 3e-6, 1e-5, 1e-7, 2e-6], strict=True)
}
POLICIES = [PaperPolicy(), CalibratedPolicy(n_landmarks=24)]


@pytest.fixture(scope="module", params=POLICIES, ids=lambda policy: policy.kind)
def artifact(request) -> RoutingArtifact:
    return fitted(request.param, *MODELS)


def expected_cost(artifact: RoutingArtifact) -> np.ndarray:
    return artifact.score(VECTORS, 0.5)[0].cost_usd


def spent(artifact: RoutingArtifact, alpha: float) -> float:
    """Mean expected cost of the models chosen for the training queries."""
    scores, _ = artifact.score(VECTORS, alpha)
    return float(scores.cost_usd[np.arange(400), scores.score.argmax(axis=1)].mean())


def dearer(factor: float, *models: str) -> dict[str, TokenPrice]:
    return {
        m: TokenPrice(OLD[m].input_usd * factor, OLD[m].output_usd * factor)
        for m in models
    }


def without_tokens(artifact: RoutingArtifact) -> RoutingArtifact:
    unknown = np.full(artifact.profiles.shape, np.nan)
    profiles = replace(
        artifact.profiles, prompt_tokens=unknown, completion_tokens=unknown
    )
    return replace(artifact, profiles=profiles)


def noted(artifact: RoutingArtifact, prices: dict[str, TokenPrice]) -> RoutingArtifact:
    """With old prices in the manifest."""
    entries = tuple(
        type(entry).of(entry.model, entry.n_records, prices.get(entry.model))
        for entry in artifact.manifest.models
    )
    manifest = artifact.manifest.model_copy(update={"models": entries})
    return replace(artifact, manifest=manifest)


def test_the_old_prices_change_nothing(artifact):
    again = reprice(artifact, OLD)

    np.testing.assert_allclose(again.profiles.cost_usd, artifact.profiles.cost_usd)
    np.testing.assert_allclose(
        again.profiles.prior_cost_usd, artifact.profiles.prior_cost_usd
    )
    for alpha in np.linspace(0, 1, 21).tolist():
        before, _ = artifact.score(VECTORS, alpha)
        after, _ = again.score(VECTORS, alpha)
        np.testing.assert_allclose(after.score, before.score, rtol=1e-6, atol=1e-9)


def test_costs_are_the_tokens_at_the_new_price(artifact):
    price = TokenPrice(5e-6, 1e-6)
    column = artifact.column_of["b"]

    new = reprice(artifact, {"b": price, "elsewhere": price})

    tokens = artifact.profiles
    cost_usd = 5e-6 * tokens.prompt_tokens[:, column]
    cost_usd += 1e-6 * tokens.completion_tokens[:, column]
    np.testing.assert_allclose(new.profiles.cost_usd[:, column], cost_usd)
    others = [i for i in range(5) if i != column]
    assert np.array_equal(
        new.profiles.cost_usd[:, others], artifact.profiles.cost_usd[:, others]
    )
    assert new.profiles.accuracy is artifact.profiles.accuracy


def test_the_mean_expected_cost_becomes_the_new_mean_cost():
    artifact = fitted(POLICIES[1], *MODELS)
    price = TokenPrice(5e-6, 1e-6)

    new = reprice(artifact, {"b": price})

    prompt, completion = DATASET.prompt_tokens[:, 1], DATASET.completion_tokens[:, 1]
    mean = (5e-6 * prompt + 1e-6 * completion).mean()
    assert expected_cost(new)[:, 1].mean() == pytest.approx(mean, rel=0.01)
    assert np.array_equal(expected_cost(new)[:, 0], expected_cost(artifact)[:, 0])


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_prices_that_all_double_change_no_decision(artifact, alpha):
    new = reprice(artifact, dearer(2, *MODELS))

    for vector in VECTORS[::10]:
        before, after = artifact.choose(vector, alpha), new.choose(vector, alpha)
        assert after.ranking == before.ranking
        twice = [2 * cost for cost in before.expected_cost_usd]
        assert after.expected_cost_usd == pytest.approx(twice)


def test_alpha_goes_on_dividing_the_range_of_costs():
    artifact = fitted(POLICIES[1], *MODELS)

    new = reprice(artifact, dearer(20, "c"))

    kept = replace(artifact.profiles.smoother, cost_scale_usd=_scale(new))
    stale = replace(new, profiles=replace(new.profiles, smoother=kept))
    alphas = np.linspace(0, 1, 11).tolist()
    assert _evenness(new, alphas) < 0.7 * _evenness(stale, alphas)
    costs = [spent(new, alpha) for alpha in alphas]
    assert costs == sorted(costs)


def _scale(artifact: RoutingArtifact) -> np.ndarray:
    assert artifact.profiles.smoother is not None
    return artifact.profiles.smoother.cost_scale_usd


def _evenness(artifact: RoutingArtifact, alphas: list[float]) -> float:
    """Spread of the steps of log cost."""
    return float(np.diff(np.log([spent(artifact, alpha) for alpha in alphas])).std())


def test_a_model_that_becomes_free_is_the_cheapest(artifact):
    new = reprice(artifact, dearer(0, "c"))

    assert expected_cost(new)[:, 2].max() == 0
    assert new.choose(VECTORS[0], 0.0).model == "c"


def test_a_free_model_gets_a_price(artifact):
    free = reprice(artifact, dearer(0, "c"))

    paid = reprice(free, {"c": OLD["c"]})

    mean = DATASET.cost_usd[:, 2].mean()
    assert expected_cost(paid)[:, 2].mean() == pytest.approx(mean, rel=0.2)
    np.testing.assert_allclose(
        paid.profiles.prior_cost_usd[:, 2],
        artifact.profiles.prior_cost_usd[:, 2],
        rtol=0.1,
    )


def test_without_tokens_a_multiple_of_the_known_price_scales_the_costs(artifact):
    new = reprice(noted(without_tokens(artifact), OLD), dearer(3, "b"))

    np.testing.assert_allclose(
        new.profiles.cost_usd[:, 1], 3 * artifact.profiles.cost_usd[:, 1]
    )


@pytest.mark.parametrize(
    ("old", "price"),
    [
        ({}, TokenPrice(1e-6, 2e-6)),
        (OLD, TokenPrice(1e-6, 9e-6)),
        ({"b": TokenPrice(0, 6e-6)}, TokenPrice(1e-6, 12e-6)),
    ],
)
def test_without_tokens_other_prices_are_refused_by_name(artifact, old, price):
    with pytest.raises(BadInput, match="'b': its tokens are unknown"):
        reprice(noted(without_tokens(artifact), old), {"b": price})


def test_prices_of_no_model_here_are_refused(artifact):
    with pytest.raises(BadInput, match="no price of any model"):
        reprice(artifact, {"elsewhere": TokenPrice(1, 1)})


def test_the_manifest_states_the_new_prices_and_that_they_are_new(artifact):
    manifest = reprice(artifact, {"b": TokenPrice(5e-6, 1e-6)}).manifest

    assert manifest.models[1].input_usd_per_token == 5e-6
    (change,) = manifest.provenance.extensions
    assert (change.kind, change.models) == ("reprice", ("b",))
    assert manifest.metrics == {}
