"""One decision of the Router: the artifact's own, under the request's own terms."""

from artifacts.artifact import RoutingArtifact
from artifacts.policy import RoutingDecision
from artifacts.request_terms import expected_cost_usd, keep_home
from deployments.catalog import Price
from deployments.errors import InvalidRequest, NotProfiled
from deployments.protocol.routing import RequestTerms, RouteQuery
from deployments.routing.vectors import Vector


def decide(
    artifact: RoutingArtifact, query: RouteQuery, vector: Vector, first: Vector | None
) -> RoutingDecision:
    """The decision for unit row `vector`; `first` is that of `terms.first_text`.

    NotProfiled: the artifact knows none of the candidates. InvalidRequest: none is
    within `max_cost_usd`.
    """
    candidates = known_candidates(artifact, query)
    terms = query.terms
    if terms is None or query.candidates is None:
        return artifact.choose(vector, query.alpha, candidates)
    prices = dict(zip(query.candidates, terms.prices, strict=True))
    if terms.max_cost_usd is not None:
        candidates = _affordable(artifact, vector, terms, prices)
    decision = artifact.choose(vector, query.alpha, candidates)
    home = terms.home
    if home is None and first is not None:
        home = artifact.choose(first, query.alpha, candidates).model
    if home not in prices:
        return decision
    saved_usd = terms.prompt_tokens * prices[home].cache_discount_usd
    return keep_home(artifact, decision, home, saved_usd)


def known_candidates(
    artifact: RoutingArtifact, query: RouteQuery
) -> tuple[str, ...] | None:
    """The candidates that the artifact has records of; None = all of its models.

    The catalog may be ahead of the artifact: a model that nobody has measured cannot
    be compared, but it must not stop the others.
    """
    if query.candidates is None:
        return None
    known = artifact.candidates.known(query.candidates)
    if not known:
        raise NotProfiled("The artifact holds no records of any candidate.")
    return known


def _affordable(
    artifact: RoutingArtifact,
    vector: Vector,
    terms: RequestTerms,
    prices: dict[str, Price],
) -> tuple[str, ...]:
    """The candidates expected to cost at most `max_cost_usd`; an unknown cost may be
    more, so it does not count as within."""
    per_token = {
        model: (price.input_usd_per_token, price.output_usd_per_token)
        for model, price in prices.items()
    }
    limit = terms.max_cost_usd
    assert limit is not None
    costs = expected_cost_usd(
        artifact, vector, terms.prompt_tokens, per_token, terms.n_answers
    )
    within = tuple(
        model for model, cost in costs.items() if cost is not None and cost <= limit
    )
    if within:
        return within
    known = sorted((cost, model) for model, cost in costs.items() if cost is not None)
    least = f"; the cheapest, {known[0][1]}, {known[0][0]:.2g}" if known else ""
    what = f"No model is expected to cost at most {limit:g} USD{least}."
    raise InvalidRequest(what, param="routing.max_cost_usd", code="no_candidate_model")
