"""Decisions by the Router on a small artifact fitted here."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.clustering import KMeans
from artifacts.encoder_spec import EncoderSpec
from artifacts.errors import EncoderMismatch
from artifacts.fit import FitConfig, fit_artifact
from artifacts.policy import PaperPolicy
from deployments.catalog import Price
from deployments.errors import RoutingUnavailable
from deployments.protocol import RequestTerms, RouteQuery
from deployments.routing.router import Router
from tests.artifacts.evaluation.split_data import two_topics
from tests.deployments.routing.test_embedder import Lengths

TOPICS = {"code": (1.0, 0.0), "maths": (0.219, 0.9757)}


class TopicEmbedder:
    """Places a text at the centre of the topic that it names."""

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([TOPICS[text] for text in texts], np.float32)


@pytest.fixture
def artifact() -> RoutingArtifact:
    spec: EncoderSpec = Lengths.spec
    config = FitConfig(
        kmeans=KMeans(n_clusters=2, n_init=2),
        policy=PaperPolicy(n_nearest_clusters=1),
        train_fraction=1.0,
    )
    return fit_artifact(*two_topics(), spec, config).artifact


def query(text: str, alpha: float, *candidates: str) -> RouteQuery:
    return RouteQuery(text, alpha, candidates or None)


async def test_each_query_of_a_batch_gets_its_own_decision(artifact):
    queries = [query("maths", 1), query("code", 1), query("code", 0)]
    routes = await Router(TopicEmbedder(), artifact).route(queries)

    chosen = [decision.ranking[0] for decision in routes.decisions]
    assert chosen == ["mathematician", "coder", "small"]


async def test_candidates_without_records_are_dropped(artifact):
    asked = query("code", 1, "brand-new", "small", "mathematician")
    routes = await Router(TopicEmbedder(), artifact).route([asked])

    assert routes.decisions[0].ranking == ("small", "mathematician")


async def test_what_cannot_be_decided_does_not_stop_the_others_of_its_batch(artifact):
    queries = [query("code", 1, "brand-new"), query("code", 1)]
    none, other = (await Router(TopicEmbedder(), artifact).route(queries)).decisions

    assert isinstance(none, RoutingUnavailable)
    assert other.ranking[0] == "coder"


async def test_the_first_message_of_a_conversation_is_embedded_beside_the_last(
    artifact,
):
    price = Price(input_usd_per_token=1.0, cached_usd_per_token=0.1)
    terms = RequestTerms(10**6, (price, price, price), first_text="maths")
    asked = RouteQuery("code", 0.9, ("coder", "mathematician", "small"), terms)
    (decision,) = (await Router(TopicEmbedder(), artifact).route([asked])).decisions

    assert decision.ranking[0] == "mathematician"


async def test_an_explanation_shows_the_cells_in_the_order_of_the_ranking(artifact):
    explanation = await Router(TopicEmbedder(), artifact).explain(query("code", 1))

    (view,) = explanation.clusters
    assert explanation.decision.ranking == ("coder", "small", "mathematician")
    assert view.accuracy == (1.0, 0.25, 0.0)
    assert view.cost_usd == pytest.approx((0.01, 0.001, 0.01))
    assert view.count == (20, 20, 20)


async def test_activation_replaces_the_artifact(artifact):
    router = Router(TopicEmbedder(), artifact)
    other = artifact.manifest.model_copy(update={"artifact_id": "next"})
    router.activate(replace(artifact, manifest=other))

    routes = await router.route([query("code", 1)])
    assert routes.decisions[0].artifact_id == "next"


def test_an_artifact_of_another_encoder_is_refused(artifact):
    router = Router(TopicEmbedder(), artifact)
    encoder = artifact.manifest.encoder.model_copy(update={"pooling": "cls"})
    other = artifact.manifest.model_copy(update={"encoder": encoder})

    with pytest.raises(EncoderMismatch, match="pooling: 'mean' != 'cls'"):
        router.activate(replace(artifact, manifest=other))
    assert router.artifact is artifact
