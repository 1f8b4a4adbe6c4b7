"""Decisions by the Router on a small artifact fitted here."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.errors import ArtifactError, EncoderMismatch
from deployments.catalog import Price
from deployments.errors import InvalidRequest, NotProfiled, RoutingUnavailable
from deployments.protocol.routing import (
    ArtifactChoice,
    ArtifactRef,
    RequestTerms,
    RouteQuery,
)
from deployments.routing.router import Router
from tests.topic_artifacts import (
    TOPICS,
    TopicEmbedder,
    topic_artifact,
    without_coder,
)

NEXT = ArtifactRef("next", "/next")
LAST = ArtifactRef("last", "/last")
OWN = ArtifactRef("default")


@pytest.fixture(scope="module")
def artifact() -> RoutingArtifact:
    return topic_artifact()


def query(
    text: str,
    alpha: float,
    *candidates: str,
    by: tuple[ArtifactRef, ...] = (),
    shadow: ArtifactRef | None = None,
) -> RouteQuery:
    choice = ArtifactChoice(by, shadow) if by or shadow else None
    return RouteQuery(text, alpha, candidates or None, artifacts=choice)


class Store:
    """Where artifacts lie, by location."""

    def __init__(self, **artifacts: RoutingArtifact) -> None:
        self.artifacts = artifacts

    def load(self, location: str) -> RoutingArtifact:
        found = self.artifacts.get(location.removeprefix("/"))
        if found is None:
            raise ArtifactError(location, "No such file")
        return found


@pytest.fixture
def store() -> Store:
    return Store(next=without_coder())


@pytest.fixture
def router(artifact, store) -> Router:
    """It decides for itself, and can load `NEXT`."""
    return Router(TopicEmbedder(), artifact, store.load)


async def test_each_query_of_a_batch_gets_its_own_decision(artifact):
    queries = [query("maths", 1), query("code", 1), query("code", 0)]
    routes = await Router(TopicEmbedder(), artifact).route(queries)

    chosen = [decision.ranking[0] for decision in routes.decisions]
    assert chosen == ["mathematician", "coder", "small"]


async def test_candidates_without_records_are_dropped(artifact):
    asked = query("code", 1, "brand-new", "small", "mathematician")
    routes = await Router(TopicEmbedder(), artifact).route([asked])

    assert routes.decisions[0].ranking == ("small", "mathematician")


async def test_the_figures_of_each_model_are_left_out_unless_they_are_wanted(artifact):
    price = Price(input_usd_per_token=1.0, cached_usd_per_token=0.1)
    terms = RequestTerms(1, (price, price, price), home="small")
    asked = RouteQuery("code", 1.0, ("coder", "mathematician", "small"), terms)
    queries = [asked, replace(asked, scores=False), query("code", 1, "brand-new")]
    routes = await Router(TopicEmbedder(), artifact).route(queries)
    full, acted_on, none = routes.decisions

    assert len(full.scores) == len(full.expected_cost_usd) == len(full.ranking) == 3
    assert acted_on.scores == acted_on.expected_accuracy == acted_on.imputed == ()
    assert acted_on.expected_cost_usd == ()
    assert acted_on.accuracy_sd is None
    # What is done with it is the same: order, clusters, what the conversation loses.
    assert acted_on == full.without_scores()
    assert acted_on.staying == full.staying is not None
    assert isinstance(none, NotProfiled)


async def test_what_cannot_be_decided_does_not_stop_the_others_of_its_batch(artifact):
    queries = [query("code", 1, "brand-new"), query("code", 1)]
    none, other = (await Router(TopicEmbedder(), artifact).route(queries)).decisions

    assert isinstance(none, NotProfiled)
    assert none.status == 400  # for good, so not 503
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


async def test_an_explanation_has_the_figures_of_each_model_in_any_case(artifact):
    asked = replace(query("code", 1), scores=False)
    explanation = await Router(TopicEmbedder(), artifact).explain(asked)

    assert len(explanation.decision.scores) == 3


async def test_the_time_of_the_embedder_is_told_as_its_own(artifact):
    class Slow(TopicEmbedder):
        async def embed(self, texts, traces=()):
            await asyncio.sleep(0.05)
            return await super().embed(texts, traces)

    routes = await Router(Slow(), artifact).route([query("code", 1)])

    assert routes.timings.embed_s >= 0.045


async def test_what_is_described_anew_is_what_lies_there_now(router, store, artifact):
    before = await router.describe(NEXT)
    store.artifacts["next"] = artifact

    assert (await router.describe(NEXT)).artifact_id == before.artifact_id
    now = await router.describe(NEXT, anew=True)
    assert now.artifact_id == artifact.artifact_id != before.artifact_id


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


async def test_each_query_of_a_batch_is_decided_by_the_artifact_that_it_names(
    router, artifact, store
):
    await router.describe(NEXT)
    queries = [query("code", 1), query("code", 1, by=(NEXT, OWN))]
    own, named = (await router.route(queries)).decisions

    assert (own.model, own.artifact_id) == ("coder", artifact.artifact_id)
    expected = store.artifacts["next"]
    assert (named.model, named.artifact_id) == ("small", expected.artifact_id)


async def test_until_an_artifact_is_loaded_the_one_named_next_decides(artifact, store):
    store.artifacts["last"] = replace(
        artifact, manifest=artifact.manifest.model_copy(update={"artifact_id": "last"})
    )
    router = Router(TopicEmbedder(), artifact, store.load)
    await router.describe(LAST)
    asked = query("code", 1, by=(NEXT, LAST))

    (meanwhile,) = (await router.route([asked])).decisions
    await router.describe(NEXT)
    (then,) = (await router.route([asked])).decisions
    assert meanwhile.artifact_id == "last"
    assert then.artifact_id == store.artifacts["next"].artifact_id


async def test_what_cannot_be_loaded_leaves_the_decision_to_its_own(
    router, artifact, caplog
):
    asked = query("code", 1, by=(ArtifactRef("gone", "/gone"),))
    (first,) = (await router.route([asked])).decisions
    with pytest.raises(InvalidRequest, match="'gone' cannot be used: /gone: No such"):
        await router.describe(ArtifactRef("gone", "/gone"))

    assert first.artifact_id == artifact.artifact_id
    assert "gone cannot be loaded: /gone: No such file" in caplog.text


async def test_a_shadow_decides_on_the_same_vector_and_changes_nothing(artifact, store):
    embedder = TopicEmbedder()
    router = Router(embedder, artifact, store.load)
    await router.describe(NEXT)
    queries = [query(text, 1, shadow=NEXT) for text in ("code", "maths")]
    plain = [query(text, 1) for text in ("code", "maths")]
    code, maths = (await router.route(queries)).decisions
    asked_for = list(embedder.embedded)

    assert (code.shadow.model, code.shadow.agrees) == ("small", False)
    assert (maths.shadow.model, maths.shadow.agrees) == ("mathematician", True)
    assert code.shadow.artifact_id == store.artifacts["next"].artifact_id
    assert asked_for == ["code", "maths"]
    without = (replace(code, shadow=None), replace(maths, shadow=None))
    assert without == (await router.route(plain)).decisions


async def test_its_own_artifact_may_be_the_shadow(router, artifact):
    await router.describe(NEXT)
    explained = await router.explain(query("code", 1, by=(NEXT,), shadow=OWN))

    assert explained.decision.model == "small"
    assert explained.decision.shadow.artifact_id == artifact.artifact_id
    assert explained.clusters[0].count == (20, 20), "of the artifact that decided"


@pytest.mark.parametrize(
    "asked",
    [
        query("code", 1, shadow=ArtifactRef("gone", "/gone")),
        query("code", 1, "coder", shadow=NEXT),  # which knows no coder
        query("code", 1, by=(NEXT,), shadow=NEXT),
    ],
)
async def test_where_a_shadow_cannot_tell_there_is_none(router, asked):
    await router.describe(NEXT)
    (decision,) = (await router.route([asked])).decisions

    assert decision.shadow is None


async def test_a_shadow_that_fails_does_not_fail_the_answer(artifact, store, caplog):
    broken = store.artifacts["next"]
    store.artifacts["next"] = replace(broken, profiles=None)  # type: ignore[arg-type]
    router = Router(TopicEmbedder(), artifact, store.load)
    await router.describe(NEXT)
    (decision,) = (await router.route([query("code", 1, shadow=NEXT)])).decisions

    assert (decision.model, decision.shadow) == ("coder", None)
    assert caplog.records[-1].levelno == logging.ERROR


async def test_shadows_that_would_take_too_long_are_left_out(artifact, store):
    times = iter(range(100))
    router = Router(
        TopicEmbedder(), artifact, store.load, clock=lambda: next(times) / 64
    )
    await router.describe(NEXT)
    queries = [query("code", 1, shadow=NEXT)] * 3
    decisions = (await router.route(queries)).decisions

    assert [decision.shadow is None for decision in decisions] == [False, True, True]
    assert {decision.model for decision in decisions} == {"coder"}


class Lacking(TopicEmbedder):
    """Has no vector of "lost"."""

    async def embed(
        self, texts: Sequence[str], traces: Sequence[str] = ()
    ) -> np.ndarray:
        nowhere = (np.nan, np.nan)
        rows = [nowhere if text == "lost" else TOPICS[text] for text in texts]
        return np.array(rows, np.float32)


async def test_a_text_without_a_vector_takes_no_decision_from_the_others(artifact):
    queries = [query("code", 1), query("lost", 1, shadow=OWN), query("maths", 1)]
    routes = await Router(Lacking(), artifact).route(queries)
    code, lost, maths = routes.decisions

    assert (code.model, maths.model) == ("coder", "mathematician")
    assert isinstance(lost, RoutingUnavailable)


async def test_without_the_vector_of_its_first_message_a_conversation_is_decided(
    artifact,
):
    price = Price(input_usd_per_token=1.0, cached_usd_per_token=0.1)
    terms = RequestTerms(10**6, (price, price, price), first_text="lost")
    asked = RouteQuery("code", 0.9, ("coder", "mathematician", "small"), terms)
    (decision,) = (await Router(Lacking(), artifact).route([asked])).decisions

    assert (decision.model, decision.staying) == ("coder", None)


async def test_an_artifact_that_fails_takes_nothing_from_the_other_queries(
    artifact, store, caplog
):
    broken = store.artifacts["next"]
    store.artifacts["next"] = replace(broken, profiles=None)  # type: ignore[arg-type]
    router = Router(TopicEmbedder(), artifact, store.load)
    await router.describe(NEXT)
    queries = [query("code", 1), query("code", 1, by=(NEXT,))]
    own, named = (await router.route(queries)).decisions

    assert own.model == "coder"
    assert isinstance(named, RoutingUnavailable)
    assert f"the artifact {broken.artifact_id[:12]} failed" in caplog.text
