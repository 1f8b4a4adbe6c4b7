"""What one request's own costs do to its decision: a cap, and a prompt cache to lose.

The scores rest on what queries like this one cost on average. Two things of a request
are not in that average: a limit that the client sets, and a conversation that some
provider holds in its prompt cache.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from artifacts.artifact import RoutingArtifact
from artifacts.policy import RoutingDecision, Staying

TokenPrices = tuple[float | None, float | None]  # USD per token in, out


def expected_cost_usd(
    artifact: RoutingArtifact,
    vector: NDArray[np.float32],
    prompt_tokens: int,
    prices: Mapping[str, TokenPrices],
    n_answers: int = 1,
) -> dict[str, float | None]:
    """prompt_tokens · price_in + n_answers · expected completion tokens · price_out,
    per model.

    Expected completion tokens: the mean over the nearest clusters of unit row `vector`
    (d,), or over all where these hold none. None where tokens or prices are unknown.
    """
    clusters = artifact.neighbours(vector[None, :]).clusters[0]
    costs: dict[str, float | None] = {}
    for model, (input_usd, output_usd) in prices.items():
        column = artifact.column_of.get(model)
        if column is None or input_usd is None or output_usd is None:
            costs[model] = None
            continue
        tokens = artifact.profiles.completion_tokens[:, column]
        length = _mean_known(tokens[clusters])
        length = _mean_known(tokens) if length is None else length
        if length is None:
            costs[model] = None
        else:
            written = n_answers * length
            costs[model] = prompt_tokens * input_usd + written * output_usd
    return costs


def _mean_known(values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def keep_home(
    artifact: RoutingArtifact,
    decision: RoutingDecision,
    home: str,
    saved_usd: float,
) -> RoutingDecision:
    """`decision`, or the same with `home` in front, whose provider holds the prompt.

    The conversation moves only if it gains more than the cache is worth:

        score(best) − score(home) > κ · saved_usd

    `saved_usd` is the context's tokens × (input price − cached price) of `home`, and κ
    (`Policy.score_per_usd`) what a USD is worth in scores at this α. At α = 1 cost is
    no matter, so the cache is none either.
    """
    if home not in decision.ranking:
        return decision
    place = decision.ranking.index(home)
    gain = decision.scores[0] - decision.scores[place]
    loss = _worth(artifact, decision) * saved_usd
    stays = gain <= loss
    noted = replace(decision, staying=Staying(home, gain, loss, saved_usd, stays))
    return _moved_to_front(noted, place) if stays else noted


def _worth(artifact: RoutingArtifact, decision: RoutingDecision) -> float:
    """κ, by what the scores of the decision were scaled by."""
    columns = np.array([artifact.column_of[each] for each in sorted(decision.ranking)])
    policy, profiles = artifact.manifest.policy, artifact.profiles
    if decision.out_of_distribution:
        profile = artifact.global_profile
        return profile.score_per_usd(policy, profiles, decision.alpha, columns)
    clusters = np.array(decision.clusters)
    return policy.score_per_usd(profiles, clusters, decision.alpha, columns)


_BY_RANK = (
    "ranking",
    "scores",
    "expected_accuracy",
    "expected_cost_usd",
    "imputed",
    "accuracy_sd",
)


def _moved_to_front(decision: RoutingDecision, place: int) -> RoutingDecision:
    def moved(values: Sequence[object]) -> tuple[object, ...]:
        return (values[place], *values[:place], *values[place + 1 :])

    fields = {name: getattr(decision, name) for name in _BY_RANK}
    changed = {name: moved(values) for name, values in fields.items() if values}
    return replace(decision, **changed)  # type: ignore[arg-type]
