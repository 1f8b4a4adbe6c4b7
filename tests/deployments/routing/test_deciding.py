"""What a request's own terms do to its decision."""

from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.calibrated import CalibratedPolicy
from artifacts.clustering import KMeans
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy
from deployments.catalog import Price
from deployments.errors import InvalidRequest
from deployments.protocol.routing import RequestTerms, RouteQuery
from deployments.routing.deciding import decide
from tests.artifacts.evaluation.split_data import MODELS, N, two_topics
from tests.deployments.routing.test_embedder import Lengths

CODE = np.array([1.0, 0.0], np.float32)
MATHS = np.array([0.219, 0.9757], np.float32)
PRICES = tuple(
    Price(
        input_usd_per_token=price,
        output_usd_per_token=10 * price,
        cached_usd_per_token=price / 10,
    )
    for price in (1e-5, 1e-5, 1e-6)  # coder, mathematician, small
)


def fitted(policy: PaperPolicy | CalibratedPolicy) -> RoutingArtifact:
    dataset, vectors = two_topics()
    dataset = replace(dataset, completion_tokens=np.full((N, 3), 100.0))
    kmeans = KMeans(n_clusters=2, n_init=2)
    config = FitConfig(kmeans=kmeans, policy=policy, train_fraction=1.0)
    return fit_artifact(dataset, vectors, Lengths.spec, config).artifact


@pytest.fixture(scope="module")
def artifact() -> RoutingArtifact:
    return fitted(PaperPolicy(n_nearest_clusters=1))


def query(alpha: float = 0.9, prompt_tokens: int = 1000, **terms: object) -> RouteQuery:
    made = RequestTerms(prompt_tokens, PRICES, **terms)  # type: ignore[arg-type]
    return RouteQuery("text", alpha, MODELS, made)


@pytest.mark.parametrize(
    ("limit", "ranking"),
    [
        # 1,000 tokens in and 100 out: 0.02 USD, with `small` 0.002.
        (0.02, ("coder", "small", "mathematician")),
        (0.0199, ("small",)),
    ],
)
def test_only_models_within_the_cost_limit_are_ranked(artifact, limit, ranking):
    decision = decide(artifact, query(max_cost_usd=limit), CODE, None)

    assert decision.ranking == ranking


def test_the_cost_limit_is_one_for_all_answers(artifact):
    # 1,000 tokens in and 5 times 100 out: 0.06 USD, with `small` 0.006.
    asked = query(max_cost_usd=0.05, n_answers=5)

    assert decide(artifact, asked, CODE, None).ranking == ("small",)


def test_if_none_is_within_it_the_cheapest_is_named(artifact):
    with pytest.raises(InvalidRequest, match=r"the cheapest, small, 0\.002") as raised:
        decide(artifact, query(max_cost_usd=0.001), CODE, None)

    assert raised.value.param == "routing.max_cost_usd"


def test_a_model_without_a_price_cannot_be_said_to_be_within(artifact):
    terms = RequestTerms(1000, (Price(), *PRICES[1:]), max_cost_usd=1.0)
    decision = decide(artifact, RouteQuery("text", 0.9, MODELS, terms), CODE, None)

    assert "coder" not in decision.ranking


@pytest.mark.parametrize(
    ("prompt_tokens", "model"), [(1_000, "coder"), (60_000, "small")]
)
def test_a_conversation_stays_while_its_cache_is_worth_more_than_the_gain(
    artifact, prompt_tokens, model
):
    decision = decide(artifact, query(0.9, prompt_tokens, home="small"), CODE, None)
    staying = decision.staying

    # κ = (1 − α) / 0.009, and a cached token saves 0.9e-6 USD.
    assert staying is not None
    assert staying.gain == pytest.approx(0.9 - 0.325)
    assert staying.loss == pytest.approx(0.1 / 0.009 * prompt_tokens * 0.9e-6)
    assert (staying.stays, decision.model) == (model == "small", model)


def test_a_long_conversation_stays_and_the_ranking_behind_it_is_kept(artifact):
    decision = decide(artifact, query(0.9, 10**6, home="small"), CODE, None)

    assert decision.ranking == ("small", "coder", "mathematician")
    assert decision.scores == pytest.approx((0.325, 0.9, 0.0))


def test_at_alpha_1_no_cache_is_worth_an_answer(artifact):
    decision = decide(artifact, query(1.0, 10**6, home="small"), CODE, None)

    assert decision.model == "coder"


def test_where_the_home_is_not_known_the_first_message_tells_it(artifact):
    terms = query(0.9, 10**6, first_text="how it began")
    decision = decide(artifact, terms, CODE, MATHS)

    assert decision.model == "mathematician"


def test_a_home_that_is_no_candidate_any_more_is_left(artifact):
    terms = RequestTerms(10**6, PRICES[:2], home="small")
    asked = RouteQuery("text", 0.9, MODELS[:2], terms)

    assert decide(artifact, asked, CODE, None).model == "coder"


def test_the_calibrated_policy_keeps_conversations_together_as_well():
    artifact = fitted(CalibratedPolicy(n_landmarks=4))
    moved = decide(artifact, query(0.9, 1, home="small"), CODE, None)
    kept = decide(artifact, query(0.9, 10**8, home="small"), CODE, None)

    assert (moved.model, kept.model) == ("coder", "small")
